"""The command `batch`: many clips and meshes in one call."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .ending import interrupts
from .errors import Cancelled, InputError
from .job_arguments import Commands, add_choices
from .protocol import ResultFormat

if TYPE_CHECKING:
    from .batch.course import Course
    from .batch.plan import Planned

RESULTS = "animated"
ENDINGS = {ending.removeprefix("."): str(ending) for ending in ResultFormat if ending} | {"folder": ""}
MOST_WORKERS = 1000
EPILOG = """\
examples:
  python -P -m actionmesh batch clips/ --mesh panda.glb --mesh fox.glb -o animated/ --preset fast
      animates both meshes with every clip of a folder
  python -P -m actionmesh batch jobs.csv -o animated/
      does a table: columns clip, mesh, output, and any option of `animate`; paths begin at the table's folder

Run it again to do only what is left. docs/batch.md tells more.
"""


def add_batch(commands: Commands) -> None:
    parser = commands.add_parser(
        "batch",
        help="animate many clips and meshes, several at a time",
        description="Does many jobs of `animate`, with one worker for each card, or for some cores without one. The "
        "options below apply to all jobs; a table may override them row by row. Needs Ray.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_batch)
    parser.add_argument("source", metavar="JOBS", help="table of jobs (.csv), or a folder of clips")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FOLDER",
        help=f"folder for results and the report (default: {RESULTS}, beside the clips)",
    )
    parser.add_argument(
        "--mesh", action="append", default=[], help="with a folder of clips: mesh file or folder of meshes, repeatable"
    )
    parser.add_argument(
        "--format", choices=list(ENDINGS), default="glb", help="of results that a table does not name (default: glb)"
    )
    parser.add_argument("--workers", metavar="N", type=int, help="how many jobs run at a time")
    parser.add_argument(
        "--address", help="Ray cluster to use, on a network where you trust everybody; host:port or auto"
    )
    parser.add_argument("--redo", action="store_true", help="also do jobs that were done before")
    add_choices(parser)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from, and what workers log")


def run_batch(chosen: argparse.Namespace) -> None:
    """Do all jobs and report them.

    Raises:
        InputError: a job makes no sense, and nothing was started; or some jobs failed.
        Cancelled: the user asked to stop.
    """
    from .batch.course import State
    from .batch.ray_session import require_ray

    if chosen.workers is not None and not 1 <= chosen.workers <= MOST_WORKERS:
        raise InputError(f"The number of workers is {chosen.workers}.", f"Use a number from 1 to {MOST_WORKERS}.")
    require_ray()
    source = Path(chosen.source)
    folder = Path(chosen.out or (source if source.is_dir() else source.parent) / RESULTS).absolute()
    planned = planned_jobs(chosen, source, folder)
    courses = begun(planned, folder, chosen.redo)
    try:
        if any(not course.state.is_end for course in courses):
            do_jobs(chosen, courses, folder)
    finally:
        from .batch.report import write_report

        write_report(folder, courses)
    conclude(courses, folder)
    if any(course.state is State.CANCELLED for course in courses):
        raise Cancelled()


def planned_jobs(chosen: argparse.Namespace, source: Path, folder: Path) -> list["Planned"]:
    """Return the jobs; raise InputError with everything that is wrong with them."""
    from .batch import ledger, report
    from .batch.check import faults_of
    from .batch.clips_folder import jobs_of_folder
    from .batch.plan import Refusal, checkpoint_names, checkpoint_of, read_table, refuse_all

    common = argparse.Namespace(**{name: value for name, value in vars(chosen).items() if name not in OWN})
    if chosen.checkpoint:
        common.checkpoint = checkpoint_of(chosen.checkpoint, Path.cwd(), checkpoint_names())
    ending = ENDINGS[chosen.format]
    faults: list[Refusal] = []
    if source.is_dir():
        planned = jobs_of_folder(source, chosen.mesh, common, folder, ending)
    elif chosen.mesh:
        raise InputError("A mesh was given beside a table of jobs.", "Name meshes in the table's column mesh.")
    else:
        planned, faults = read_table(source, common, folder, ending)
    reserved = [folder / name for name in (ledger.NAME, report.NAME, report.TABLE)]
    total = len(planned) + len(faults)
    order = {each.place: index for index, each in enumerate(planned)}
    faults = sorted([*faults, *faults_of(planned, reserved)], key=lambda fault: _line_of(fault.place, order))
    refuse_all(str(source), faults, total)
    return planned


OWN = {"source", "out", "mesh", "format", "workers", "address", "redo", "debug", "run"}
"""Arguments of the batch itself, which no job has."""


def _line_of(place: str, order: dict[str, int]) -> int:
    number = place.removeprefix("line ")
    return int(number) if number.isdecimal() else order[place]


def begun(planned: list["Planned"], folder: Path, redo: bool) -> list["Course"]:
    """Return how the jobs stand at the start: what the ledger says is done, is done."""
    from .batch.course import Course, State
    from .batch.ledger import Ledger

    ledger = Ledger(folder)
    courses = [Course(each, ledger.key(each.job)) for each in planned]
    for course in courses:
        if not redo and ledger.is_done(course.key):
            course.state = State.KEPT
    return courses


def do_jobs(chosen: argparse.Namespace, courses: list["Course"], folder: Path) -> None:
    """Do the jobs that are left, with progress on standard error, until Ctrl-C stops them."""
    from .batch.board import Board
    from .batch.crew import Crew
    from .batch.ledger import Ledger
    from .batch.ray_session import session
    from .batch.report import Occasionally, write_report
    from .batch.schedule import Schedule
    from .batch.shape import shape_of

    print("Starting the workers", file=sys.stderr)
    write_report(folder, courses)  # makes the folder before several workers do
    reporting = Occasionally(lambda: write_report(folder, courses))
    with session(chosen.address, chosen.workers, chosen.debug) as ray, Board(courses, sys.stderr) as board:

        def changed(course: "Course | None") -> None:
            board.show(course)
            if course is not None and course.state.is_end:
                reporting()

        shape = shape_of(ray.nodes(), chosen.workers, weights_of(courses))
        with interrupts() as asked:
            schedule = Schedule(courses, Crew(ray, shape), Ledger(folder), changed, asked.is_set)
            try:
                schedule.run()
            finally:
                schedule.close()


def weights_of(courses: list["Course"]) -> int:
    """Return the bytes of the largest checkpoint that a job uses."""
    from .job_inputs import checkpoint_folder
    from .weights.checkpoints import files_of

    folders = {checkpoint_folder(course.planned.job.checkpoint) for course in courses}
    return max(sum(path.stat().st_size for path in files_of(folder) if path.is_file()) for folder in folders)


def conclude(courses: list["Course"], folder: Path) -> None:
    """Print what became of the jobs; raise InputError if some failed."""
    from .batch.course import State
    from .batch.report import NAME

    for course in courses:
        if course.state is State.DONE:
            for out in course.planned.job.out:
                print(f"Wrote {out}")
            for note in course.notes:
                print(f"Note on {course.planned.title}: {note}")
    counts = {state: sum(course.state is state for course in courses) for state in State}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    print(f"{len(courses)} jobs: {told}; see {folder / NAME}")
    if counts[State.FAILED]:
        for course in courses:
            if course.state is State.FAILED:
                print(f"{course.planned.place}: {course.error}", file=sys.stderr)
        failed, total = counts[State.FAILED], len(courses)
        raise InputError(
            f"{failed} of {total} jobs failed.",
            "Correct what they name and run the batch again; it does only what is left.",
        )
