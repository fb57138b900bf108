"""A visible fake of the pipeline: jobs that need no models and follow the command in their "clip". The rest is real.

python -I tests/backend/fakes.py worker                run the worker with the fake pipeline
python -I tests/backend/fakes.py cli animate print ... run the command line with the fake pipeline
"""

import contextlib
import ctypes
import os
import runpy
import subprocess
import sys
import time
import types
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "backend" / "actionmesh"
STEP_SECONDS = 0.05
LEAK = "this must not reach the client"
COUNTING = "reading"
"""A stage by its name in messages: nothing of the package is imported here."""


class FakeNetworks:
    """Networks that count loads, but load nothing."""

    def __init__(self):
        self.loads = 0
        self.loaded = False

    def use(self):
        self.loads += not self.loaded
        self.loaded = True

    def unload(self):
        self.loaded = False

    def job(self, *parts, float8, check):
        return contextlib.nullcontext()


def open_model(checkpoint, device="auto", memory="auto"):
    preset = types.SimpleNamespace(approximation=types.SimpleNamespace(float8=False))
    facts = types.SimpleNamespace(preset=lambda name: preset)
    runtime = types.SimpleNamespace(plan=types.SimpleNamespace(name="24"), retried_for_memory=False)
    return types.SimpleNamespace(facts=facts, networks=FakeNetworks(), runtime=runtime)


def choose_device(name):
    return types.SimpleNamespace(type=name, index=None)


def load_subject(options, model, progress):
    """Return a clip without pictures."""
    return types.SimpleNamespace(frames=(), crops=None, notes=(), absent=())


def look_at_subject(options, model, progress, to_point_at=False):
    """Follow the command in `options.clip`, then return an opaque picture."""
    import numpy as np

    from actionmesh.media.clip import Clip
    from actionmesh.media.glimpse import Glimpse

    BEHAVIOURS[options.clip](progress)
    clip = Clip(np.full((1, 8, 12, 4), 255, np.uint8), np.zeros(1), np.zeros(1, np.int64), True, "fake")
    return Glimpse(clip, clip_frames=48, chosen=16, frame=3, fps=24.0, width=120, height=80, nearby=lambda: (clip, 0))


def animate(options, model, progress, subject):
    """Follow the command in `options.clip`, then return a triangle in two poses."""
    model.networks.use()
    BEHAVIOURS[options.clip](progress)
    return _triangle()


def _triangle():
    import numpy as np

    from actionmesh.animation import Animation, Provenance

    vertices = np.zeros((2, 3, 3), np.float32)
    vertices[:, 1, 0] = vertices[:, 2, 1] = 1
    vertices[1, 1, 0] = 2
    provenance = Provenance("clip", None, 0, "default", "fake", "0")
    return Animation(vertices, np.array([[0, 1, 2]], np.int32), np.array([0.0, 0.5]), 0, np.array([0, 1]), provenance)


def quick(progress):
    for _ in progress.track(range(3), COUNTING):
        pass


def slow(progress):
    for step in progress.track(range(1000), COUNTING):
        if step == 0:
            print("started", flush=True)
        time.sleep(STEP_SECONDS)


def deaf(progress):
    for _ in progress.track(range(2), COUNTING):
        print("started", flush=True)
        time.sleep(60)


def chatty(progress):
    for stage in range(20_000):
        progress.start(COUNTING, 1, f"Stage {stage} {'.' * 100}")()
    time.sleep(60)


def print_everywhere(progress):
    print(LEAK, flush=True)
    os.write(1, f"{LEAK}\n".encode())
    ctypes.CDLL(None).puts(LEAK.encode())
    ctypes.CDLL(None).fflush(None)
    subprocess.run([sys.executable, "-c", f"print({LEAK!r})"], check=True)


def read_input(progress):
    assert sys.stdin.read() == ""
    assert subprocess.run(["cat"], capture_output=True, check=True).stdout == b""


def warn(progress):
    import logging

    logging.getLogger("a.library").warning("the clip is dark")


def exhaust(progress):
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 8 TB")


def fail(progress):
    raise ValueError("an own fault")


def leave(progress):
    sys.exit("a library that exits")


def bomb(progress):
    """Take memory until none is left."""
    taken = []
    for _ in progress.track(range(2), COUNTING):
        while True:
            taken.append(bytearray(64 << 20))


def stuck_at_saving(progress):
    """Let the job go on, but never finish saving: the first pose's file exists by then."""
    from actionmesh.output import writers

    def pose_files(animation, source_mesh):
        yield b"half"
        print("writing", flush=True)
        while True:
            time.sleep(0.01)

    writers.pose_files = pose_files


def miss(progress):
    open("/nonexistent/clip.mp4")


BEHAVIOURS = {
    function.__name__: function
    for function in (quick, slow, deaf, chatty, print_everywhere, read_input, warn, exhaust, bomb, fail, leave, miss)
}

BEHAVIOURS["stuck_at_saving"] = stuck_at_saving


def _fake_module(name, **contents):
    module = types.ModuleType(f"actionmesh.{name}")
    vars(module).update(contents)
    sys.modules[module.__name__] = module


def install():
    _fake_module("pipeline", animate=animate, load_subject=load_subject, look_at_subject=look_at_subject)
    _fake_module("memory.model", open_model=open_model)
    _fake_module("memory.runtime", choose_device=choose_device)
    found = types.SimpleNamespace(path=Path("fake"))
    _fake_module(
        "weights.checkpoints", default_checkpoint=lambda: found, find_checkpoints=list, files_of=lambda folder: []
    )


def main():
    install()
    program, *arguments = sys.argv[1:]
    if program == "worker":
        del sys.argv[1:]  # its only arguments name another computer
        runpy.run_path(str(PACKAGE / "worker.py"), run_name="__main__")
    sys.path.insert(0, str(PACKAGE.parent))
    from actionmesh.cli import main as command_line

    sys.exit(command_line(arguments))


if __name__ == "__main__":
    main()
