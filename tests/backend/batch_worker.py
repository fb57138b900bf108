"""A batch without models: a worker with the fake pipeline of `fakes.py`, and a driver that tells how its jobs go.

    python tests/backend/batch_worker.py '{"address": null, "workers": 2, "out": "...", "clips": ["quick", "fail"]}'

prints a line of JSON whenever the state of a job changes. A job follows the command in its clip's name, as in the
fakes; "once..." is slow the first time and quick the next.
"""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from actionmesh import jobs  # noqa: E402
from actionmesh.batch.actor import Worker  # noqa: E402
from actionmesh.batch.course import Course  # noqa: E402
from actionmesh.batch.crew import Crew  # noqa: E402
from actionmesh.batch.ledger import Ledger  # noqa: E402
from actionmesh.batch.plan import Planned  # noqa: E402
from actionmesh.batch.ray_session import session  # noqa: E402
from actionmesh.batch.schedule import Schedule  # noqa: E402
from actionmesh.batch.shape import shape_of  # noqa: E402
from actionmesh.ending import interrupts  # noqa: E402
from actionmesh.errors import ActionMeshError  # noqa: E402
from actionmesh.protocol import Animate, Request, decode, encode  # noqa: E402


class FakeWorker(Worker):
    """Does fake jobs; loads nothing."""

    def __init__(self):
        from tests.backend import fakes

        super().__init__()
        fakes.install()
        jobs.import_libraries = lambda: None

    def run(self, line):
        request = decode(line.encode())
        clip = Path(request.params.clip)
        name, tried = clip.name, clip.with_suffix(".tried")
        if name.startswith("once"):
            name = "quick" if tried.exists() else "slow"
            tried.touch()
        return super().run(encode(Request(request.id, replace(request.params, clip=name))).decode())


OUT = sys.stdout


def tell(course):
    if course is not None:
        print(json.dumps(course.facts()), file=OUT, flush=True)


def main():
    asked = json.loads(sys.argv[1])
    out = Path(asked["out"])
    courses = [
        Course(Planned(f"line {line}", Animate(str(out / clip), (str(out / f"{line}.glb"),))), str(line))
        for line, clip in enumerate(asked["clips"], start=2)
    ]
    with session(asked["address"], asked["workers"], debug=False) as ray, interrupts() as stop:
        crew = Crew(ray, shape_of(ray.nodes(), asked["workers"], 0), FakeWorker)
        schedule = Schedule(courses, crew, Ledger(out), tell, stop.is_set)
        try:
            with suppress(KeyboardInterrupt):
                schedule.run()
        except ActionMeshError as error:
            print(json.dumps({"refused": str(error)}), file=OUT, flush=True)
        finally:
            schedule.close()
    for course in courses:
        tell(course)


if __name__ == "__main__":
    from tests.backend.batch_worker import main as run  # Ray finds the worker's class by its module's own name

    run()
