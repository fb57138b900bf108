"""Large meshes are decimated and unwrapped in a separate process that can be stopped, with the same results."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from actionmesh import side_process
from actionmesh.errors import Cancelled
from actionmesh.geometry import decimation
from actionmesh.geometry.decimation import decimate
from actionmesh.painting import atlas
from actionmesh.painting.atlas import atlas_of
from actionmesh.side_process import pack, run_beside, unpack
from tests.backend.test_cleanup import ball
from tests.backend.test_extraction import is_closed


@pytest.fixture
def processes(monkeypatch):
    """Record the processes that are started."""
    started, popen = [], subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


def test_a_process_of_its_own_gives_the_same_mesh(processes, monkeypatch, caplog):
    vertices, faces = ball(5)
    assert decimate(vertices, faces, len(faces))[1] is faces
    monkeypatch.setattr(decimation, "FACES_HERE", len(faces))
    here = decimate(vertices, faces, 3000)
    assert not processes
    monkeypatch.setattr(decimation, "FACES_HERE", 1000)
    with caplog.at_level("INFO", "actionmesh"):
        beside = decimate(vertices, faces, 3000)
    assert not caplog.text and len(processes) == 1 and processes[0].returncode == 0
    assert all(np.array_equal(one, other) and one.dtype == other.dtype for one, other in zip(here, beside, strict=True))
    assert len(beside[1]) <= 3000 and is_closed(beside[1])


def test_arrays_are_packed_one_after_the_other():
    arrays = [np.arange(6, dtype=np.uint32).reshape(2, 3), np.zeros((0, 2), np.float32), np.array(7.5)]
    found = unpack(pack(arrays))
    assert len(found) == 3 and all(one.dtype == other.dtype for one, other in zip(arrays, found, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(arrays, found, strict=True))
    assert pack(arrays[:1]) + pack(arrays[1:]) == pack(arrays)
    for data in (b"", pack(arrays) + b"x", pack(arrays)[:-1]):
        with pytest.raises((ValueError, EOFError)):
            unpack(data)
    with pytest.raises(ValueError, match="pickle"):
        pack([np.array([None])])


@pytest.fixture
def doubled(tmp_path):
    """Return the file of a module with two functions."""
    file = tmp_path / "doubled.py"
    file.write_text(
        "import sys, time\nimport numpy as np\n"
        "def double(array):\n    print('to the log', file=sys.stderr)\n    return 2 * array, array\n"
        "def sleep(array):\n    time.sleep(0.7)\n    return (array,)\n"
        "def path(array):\n    return (np.array(sys.path + [__name__]),)\n"
        "def fail(array):\n    raise RuntimeError('no array will do')\n"
    )
    return file


def test_a_module_s_function_is_called_in_a_process_of_its_own(doubled, processes):
    twice, once = run_beside(doubled, "double", [np.arange(3)])
    assert twice.tolist() == [0, 2, 4] and once.tolist() == [0, 1, 2] and len(processes) == 1
    with pytest.raises(OSError, match="it exited with 1: (?s:.*)RuntimeError: no array will do$"):
        run_beside(doubled, "fail", [np.arange(3)])


def test_a_check_is_asked_every_tenth_of_a_second(doubled):
    calls = []
    run_beside(doubled, "sleep", [np.arange(3)], lambda: calls.append(time.monotonic()))
    pauses = np.diff(calls)
    assert len(calls) >= 4 and 0.09 < np.median(pauses) < 0.3


@pytest.mark.parametrize(("isolated", "flag"), [(0, "-P"), (1, "-I")])
def test_the_script_s_own_folder_is_not_on_its_path(doubled, processes, monkeypatch, isolated, flag):
    monkeypatch.setattr(side_process.sys, "flags", SimpleNamespace(isolated=isolated))
    [found] = run_beside(doubled, "path", [np.arange(3)])
    assert processes[0].args[1] == flag and found[-1] == "asked"
    assert str(Path(side_process.__file__).parent) not in found.tolist()


def stopping_soon():
    """Return a `check` that stops the work when it is called again."""
    asked = []

    def check():
        asked.append(True)
        if len(asked) > 1:
            raise Cancelled()

    return check


def test_being_told_to_stop_ends_the_process(processes, monkeypatch):
    monkeypatch.setattr(decimation, "FACES_HERE", 1000)
    with pytest.raises(Cancelled):
        decimate(*ball(6), 100, stopping_soon())
    assert len(processes) == 1 and processes[0].returncode not in (None, 0)


@pytest.mark.parametrize(
    "command", [["no/such/python"], [sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", ""]]
)
def test_it_is_done_here_where_no_process_can_do_it(command, monkeypatch, caplog):
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda arguments, **options: popen(command, **options))
    monkeypatch.setattr(decimation, "FACES_HERE", 100)
    vertices, faces = ball(3)
    with caplog.at_level("INFO", "actionmesh"):
        assert len(decimate(vertices, faces, 500)[1]) <= 500
    assert "Decimating the mesh in this process" in caplog.text


def test_what_a_process_complained_of_is_logged(monkeypatch, caplog):
    popen, complaint = subprocess.Popen, "import sys; sys.stderr.write('y' * 400 + 'end'); raise SystemExit(3)"
    monkeypatch.setattr(
        subprocess, "Popen", lambda arguments, **options: popen([sys.executable, "-c", complaint], **options)
    )
    monkeypatch.setattr(decimation, "FACES_HERE", 100)
    with caplog.at_level("INFO", "actionmesh"):
        decimate(*ball(3), 500)
    assert f"it exited with 3: {'y' * 297}end" in caplog.text and "y" * 298 not in caplog.text


def test_a_process_of_its_own_gives_the_same_uvs(processes, monkeypatch, caplog):
    """Polygons of two faces are cut by charts, and packed once more."""
    vertices, faces = ball(4)
    polygons = np.arange(len(faces)) // 2
    here = atlas_of(vertices, faces, polygons)
    assert not processes
    monkeypatch.setattr(atlas, "FACES_HERE", 1000)
    with caplog.at_level("INFO", "actionmesh"):
        beside = atlas_of(vertices, faces, polygons)
    assert not caplog.text and [process.returncode for process in processes] == [0, 0]
    np.testing.assert_array_equal(here.corner_uv, beside.corner_uv)
    assert here.size == beside.size


def test_unwrapping_can_be_stopped(processes):
    with pytest.raises(Cancelled):
        atlas_of(*ball(6), check=stopping_soon())
    assert len(processes) == 1 and processes[0].returncode not in (None, 0)


def test_uvs_are_made_here_where_no_process_can_make_them(monkeypatch, caplog):
    monkeypatch.setattr(subprocess, "Popen", failing_process)
    monkeypatch.setattr(atlas, "FACES_HERE", 1000)
    vertices, faces = ball(4)
    with caplog.at_level("INFO", "actionmesh"):
        made = atlas_of(vertices, faces)
    assert made.corner_uv.shape == (len(faces), 3, 2) and "Making UVs in this process" in caplog.text


def failing_process(*arguments, **options):
    raise OSError("no processes are left")
