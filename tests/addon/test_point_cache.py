import struct

import numpy as np
import pytest

from blender_addon.motion.point_cache import write_mdd, write_pc2


def test_file_is_a_header_and_then_every_sample(tmp_path):
    samples = np.random.default_rng(0).normal(size=(3, 5, 3))
    assert write_pc2(tmp_path / "a.pc2", iter(samples), start=7.0, step=0.5) == 3

    data = (tmp_path / "a.pc2").read_bytes()
    assert data[:12] == b"POINTCACHE2\0"
    assert struct.unpack("<iiffi", data[12:32]) == (1, 5, 7.0, 0.5, 3)
    np.testing.assert_array_equal(np.frombuffer(data[32:], "<f4").reshape(3, 5, 3), samples.astype(np.float32))


def test_samples_of_another_size_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"Sample 1 .*\(4, 3\).*\(5, 3\)"):
        write_pc2(tmp_path / "a.pc2", [np.zeros((5, 3)), np.zeros((4, 3))])


def test_no_samples_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no samples"):
        write_pc2(tmp_path / "a.pc2", [])


def test_a_sample_is_a_frame_from_0_on_unless_told_otherwise(tmp_path):
    write_pc2(tmp_path / "a.pc2", [np.zeros((2, 3))])
    assert struct.unpack("<iiffi", (tmp_path / "a.pc2").read_bytes()[12:32]) == (1, 2, 0.0, 1.0, 1)


def test_mdd_is_big_endian_with_y_up_and_a_time_for_each_sample(tmp_path):
    samples = [np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([[7, 8, 9], [0, 1, 0]], np.float32)]
    assert write_mdd(tmp_path / "a.mdd", iter(samples), [0.0, 0.5]) == 2
    data = (tmp_path / "a.mdd").read_bytes()
    assert struct.unpack(">ii2f12f", data) == (2, 2, 0, 0.5, 1, 3, -2, 4, 6, -5, 7, 9, -8, 0, 0, -1)


@pytest.mark.parametrize(("samples", "times"), [
    ([], []), ([np.zeros((2, 3))], [0.0, 1.0]), ([np.zeros((2, 3)), np.zeros((3, 3))], [0.0, 1.0]),
])  # fmt: skip
def test_mdd_without_samples_times_or_one_size_is_refused(tmp_path, samples, times):
    with pytest.raises(ValueError, match=r"samples|Sample"):
        write_mdd(tmp_path / "a.mdd", samples, times)
