import struct

import numpy as np
import pytest

from blender_addon.motion.point_cache import write_pc2


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
