"""A visible fake of the worker: it speaks the protocol on real pipes and obeys the environment and each job's clip.

FAKE_START names how it begins (see STARTS); the name of a job's clip says how the job goes (see JOBS).
"""

import base64
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from actionmesh import protocol
from actionmesh.protocol import Answer, Failure, Kind, Notice, ProgressNotice, ProtocolError, Stage

STEP_SECONDS = 0.02
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""
RUBBISH = b"hello\n\xff\xfe\n{}\n[1, 2]\n" + b"x" * (2 * protocol.MAX_LINE) + b"\n"


class Worker:
    def __init__(self):
        self.cancelled = threading.Event()
        self.mute = False
        self.write = threading.Lock()
        self.unloads = 0

    def send(self, message):
        self.send_bytes(protocol.encode(message))

    def send_bytes(self, data):
        with self.write:
            if not self.mute:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()

    def handle(self, request):
        params, id = request.params, request.id
        if isinstance(params, protocol.Animate | protocol.Rematch | protocol.Look | protocol.Track):
            self.cancelled = threading.Event()
            threading.Thread(target=self.run, args=(id, params), daemon=True).start()
        elif isinstance(params, protocol.Cancel):
            self.cancelled.set()
            self.send(Answer(id, protocol.CancelAnswer(True)))
        elif isinstance(params, protocol.Initialize):
            versions = {"unloads": str(self.unloads), "offline": os.environ.get("HF_HUB_OFFLINE", "")}
            self.send(Answer(id, protocol.Initialized(protocol.VERSION, versions, (), ())))
        else:
            self.unloads += isinstance(params, protocol.Unload)
            self.send(Answer(id, protocol.Done()))
            if isinstance(params, protocol.Shutdown):
                os._exit(0)

    def run(self, id, job):
        try:
            JOBS[Path(job.clip or "quick").name](self, id, job)
        except ProtocolError as error:
            self.send(Failure(id, error))
        else:
            self.send(Answer(id, ANSWERS[type(job)](job)))

    def progress(self, id, stage, step, total):
        self.send(Notice(ProgressNotice(id, stage, step, total, None if step == 0 else 0.1 * (total - step))))


def animated(job, write=True):
    if write:
        Path(job.out[0]).write_text("a result")
    timings = {Stage.READING: 1.0, Stage.MOTION: 9.0}
    return protocol.Animated(job.out, 5, 7, 9, 0.4, 0, timings, 13.0, 1)


def looked(job):
    return protocol.Looked(job.out, 48, 16, 3, 24.0, 120, 80, 0.25)


def tracked(job):
    frames = tuple(3 * number for number in range(len(job.out)))
    return protocol.Tracked(job.out, frames, tuple(range(len(job.out))), 120, 80, f"{job.out[0]}_masks", 0.1)


ANSWERS = {protocol.Animate: animated, protocol.Rematch: animated, protocol.Look: looked, protocol.Track: tracked}


def quick(worker, id, job):
    for step in range(3):
        worker.progress(id, Stage.READING, step, 2)


def slow(worker, id, job):
    for step in range(1500):
        worker.progress(id, Stage.READING, step, 1500)
        if worker.cancelled.wait(STEP_SECONDS):
            raise ProtocolError(Kind.CANCELLED, "The job was cancelled.")


def steady(worker, id, job):
    for step in range(201):
        worker.progress(id, Stage.READING, step, 200)
        time.sleep(STEP_SECONDS)


def deaf(worker, id, job):
    worker.progress(id, Stage.READING, 0, 1)
    time.sleep(60)


def mute(worker, id, job):
    worker.progress(id, Stage.READING, 0, 1)
    worker.mute = True
    time.sleep(60)


def crash(worker, id, job):
    worker.progress(id, Stage.READING, 0, 1)
    print("the last words of the backend", file=sys.stderr, flush=True)
    os._exit(3)


def rubbish(worker, id, job):
    worker.send_bytes(RUBBISH)
    quick(worker, id, job)
    worker.send_bytes(b'{"jsonrpc": "2.0", "id": 999, "result": {}}\n')


def misread(worker, id, job):
    worker.send_bytes(b'{"jsonrpc": "2.0", "id": %d, "result": {"poses": "many"}}\n' % id)
    time.sleep(60)


def exhaust(worker, id, job):
    print("allocating 80 GB", file=sys.stderr, flush=True)
    raise ProtocolError(Kind.OUT_OF_MEMORY, "There is not enough memory for this job.", "Use fewer frames.")


def misfit(worker, id, job):
    """Refuse to bend a mesh, as `posing` does, and leave a picture."""
    picture = Path(job.out[0]).with_name(f"{Path(job.out[0]).stem}{protocol.MISFIT_ENDING}")
    picture.write_bytes(PICTURE)
    raise ProtocolError(Kind.BAD_MESH, f"target.ply cannot be bent. {picture} shows it.", "Pose the mesh.")


JOBS = {
    function.__name__: function
    for function in (misfit, quick, slow, steady, deaf, mute, crash, rubbish, misread, exhaust)
}


def ready():
    return


def die():
    print("ImportError: the backend is broken", file=sys.stderr, flush=True)
    os._exit(1)


def be_silent():
    time.sleep(60)


def close_output():
    os.close(1)
    time.sleep(60)


def lack_torch():
    request = protocol.decode(sys.stdin.buffer.readline())
    problem = "A part of the installation is missing: No module named 'torch'."
    sys.stdout.buffer.write(
        protocol.encode(Failure(request.id, ProtocolError(Kind.BAD_INSTALL, problem, "Install again.")))
    )
    sys.stdout.buffer.flush()


def refuse():
    request = protocol.decode(sys.stdin.buffer.readline())
    problem = ProtocolError(
        Kind.OTHER_VERSION, "The client speaks protocol 1, the worker protocol 2.", "Install again."
    )
    sys.stdout.buffer.write(protocol.encode(Failure(request.id, problem)))
    sys.stdout.buffer.flush()
    os._exit(0)


def leave_a_child():
    """Start a child that holds the output open, so that the worker's end does not close its output."""
    if os.fork() == 0:
        time.sleep(8)
        os._exit(0)
    os._exit(4)


STARTS = {
    function.__name__: function for function in (ready, die, be_silent, close_output, lack_torch, refuse, leave_a_child)
}


def main():
    worker = Worker()
    STARTS[os.environ.get("FAKE_START", "ready")]()
    for line in sys.stdin.buffer:
        worker.handle(protocol.decode(line))
    os._exit(0)


if __name__ == "__main__":
    main()
