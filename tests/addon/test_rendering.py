"""The rendering process as a timer sees it. A script stands in for the process."""

import sys

import pytest

from blender_addon.errors import ArtistError, BackendMissing, FolderError, RenderError
from blender_addon.jobs.rendering import watch
from blender_addon.process.backend_locator import backend_folder, protocol

from .workers import is_running, wait_until

PLAY = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from actionmesh import protocol
def tell(message):
    sys.stdout.buffer.write(protocol.encode(message))
    sys.stdout.flush()
def progress(step):
    tell(protocol.Notice(protocol.ProgressNotice(0, "rendering", step, 3, None, item="Box")))
def fail(kind):
    tell(protocol.Failure(None, protocol.ProtocolError(kind, "It went wrong.", "Mend it.")))
def done():
    tell(protocol.Answer(0, protocol.Done()))
asked = sys.stdin.buffer.readline()
print("the log of", os.getpid(), file=sys.stderr, flush=True)
"""


class Stage:
    """A folder, and scripts that run in it."""

    def __init__(self, folder):
        self.folder, self.log, self.copy = folder, folder / "log", folder / "copy.blend"

    def play(self, part, order=b"order\n"):
        self.copy.write_bytes(b"BLENDER")
        script = self.folder / "script.py"
        script.write_text(PLAY + part)
        return watch([sys.executable, str(script), str(backend_folder())], order, self.log, [self.copy])

    def left(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name != "script.py")

    def pid(self):
        wait_until(lambda: self.log.read_text().endswith("\n"))
        return int(self.log.read_text().split()[-1])


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def all_told(steps):
    told = []
    wait_until(lambda: told.append(next(steps, "over")) or told[-1] == "over")
    return [step for step in told[:-1] if step]


def test_progress_is_told_until_all_is_done(stage):
    steps = stage.play(
        "progress(1); print('rubbish', flush=True); progress(2); time.sleep(0.3); done(); time.sleep(60)"
    )
    assert all_told(steps)[-1] == protocol.ProgressNotice(0, protocol.Stage.RENDERING, 2, 3, None, item="Box")
    assert stage.left() == []


def test_nothing_is_waited_for(stage):
    steps = stage.play("time.sleep(60)")
    assert next(steps) is None and next(steps) is None
    steps.close()


def test_the_order_arrives_whole(stage):
    steps = stage.play("open('size', 'w').write(str(len(asked))); done()", b"x" * 300_000 + b"\n")
    all_told(steps)
    assert (stage.folder / "size").read_text() == "300001"


@pytest.mark.parametrize(
    ("kind", "error"), [("CANNOT_WRITE", FolderError), ("INTERNAL", RenderError), ("BAD_INPUT", ArtistError)]
)
def test_failures_are_told_as_what_they_are(stage, kind, error):
    with pytest.raises(error, match=r"It went wrong\. Mend it\.") as caught:
        all_told(stage.play(f"fail(protocol.Kind.{kind}); time.sleep(60)"))
    assert type(caught.value) is error and stage.left() == []
    assert error is not RenderError or "the log of" in caught.value.log


@pytest.mark.parametrize(
    ("part", "words"),
    [("sys.exit(3)", r"stopped unexpectedly \(exit code 3\)"), ("os.close(1); time.sleep(60)", "closed its output")],
)
def test_an_early_end_is_one_sentence_with_the_log(stage, part, words):
    with pytest.raises(RenderError, match=words) as caught:
        all_told(stage.play(f"progress(1); {part}"))
    assert "the log of" in caught.value.log and stage.left() == []


def test_closing_ends_the_process(stage):
    steps = stage.play("progress(1); time.sleep(60)")
    wait_until(lambda: next(steps))
    pid = stage.pid()
    steps.close()
    wait_until(lambda: not is_running(pid), timeout=5)
    assert stage.left() == []


def test_program_that_is_not_there(stage):
    stage.copy.touch()
    with pytest.raises(BackendMissing, match="cannot be started"):
        next(watch([str(stage.folder / "blender")], b"\n", stage.log, [stage.copy]))
    assert stage.left() == []


def test_log_that_cannot_be_written(stage):
    stage.log.mkdir()
    with pytest.raises(FolderError, match="log cannot be written"):
        next(stage.play("done()"))
    assert stage.left() == ["log"]
