"""The jobs of a batch from a table: a CSV file with a row for each job and columns named like options of `animate`.

Relative paths begin at the table's folder, so that a table may travel together with its clips and meshes. Every row is
read before any is refused, so that all faults are reported at once.
"""

import argparse
import csv
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import NoReturn

from ..errors import InputError
from ..files.places import same_place
from ..job_arguments import add_animate_arguments, job_of
from ..protocol import Animate

CLIP, OUTPUT = "clip", "output"
FILES = {"mesh", "mask", "masks-from"}
PICKS = {"point", "not-point", "box"}
ALIASES = {"out": OUTPUT, "o": OUTPUT}
SEPARATOR = ";"
"""Separates several outputs, known shapes, points or boxes in one cell."""
YES, NO = {"yes", "true", "1", "x", "on"}, {"no", "false", "0", "off"}
LARGEST_TABLE = 1 << 26
"""Most bytes of a table, which would hold hundreds of thousands of rows."""
NOTHING_STARTED = "Correct them and run the batch again; nothing was started."


@dataclass(frozen=True)
class Planned:
    """One job of a batch.

    Args:
        place: where it was asked for, such as "line 3".
        job: what to do, with absolute paths.
    """

    place: str
    job: Animate

    @property
    def title(self) -> str:
        """Return the names of the clip and the mesh, without folders."""
        mesh = f" + {Path(self.job.mesh).name}" if self.job.mesh else ""
        return f"{Path(self.job.clip).name}{mesh}"


@dataclass(frozen=True)
class Refusal:
    """What is wrong with one job."""

    place: str
    sentence: str


class _RowFault(Exception):
    """What argparse says about a row."""


class _RowParser(argparse.ArgumentParser):
    """The arguments of `animate`, without the help; a fault is raised instead of printed."""

    def __init__(self) -> None:
        super().__init__(prog="", add_help=False, allow_abbrev=False)
        add_animate_arguments(self)
        self.columns = {
            option.removeprefix("--"): action
            for action in self._actions
            for option in action.option_strings
            if option.startswith("--") and option != "--out"
        }

    def error(self, message: str) -> NoReturn:
        raise _RowFault(message)


def read_table(
    path: Path, common: argparse.Namespace, folder: Path, ending: str
) -> tuple[list[Planned], list[Refusal]]:
    """Return the jobs of a table, and what is wrong with its other rows.

    Args:
        path: the CSV file: columns `clip`, optionally `mesh` and `output`, and any option of `animate`. An empty cell
            leaves the choice to the command line, then to the option's own default.
        common: the choices of the command line, for all rows.
        folder: where results go whose rows name no output.
        ending: of their names.
    Raises:
        InputError: the file cannot be read, or its header makes no sense.
    """
    rows = _rows(path)
    header = _header(path, rows)
    parser, known = _RowParser(), checkpoint_names()
    planned: list[Planned] = []
    faults: list[Refusal] = []
    for line, cells in rows[1:]:
        place = f"line {line}"
        try:
            if len(cells) > len(header):
                raise _RowFault(f"it has {len(cells)} cells, but the header has {len(header)} columns")
            filled = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
            planned.append(Planned(place, _job(filled, parser, common, path.absolute().parent, known)))
        except _RowFault as fault:
            faults.append(Refusal(place, str(fault)))
    return with_outputs(planned, folder, ending), faults


def with_outputs(planned: list[Planned], folder: Path, ending: str) -> list[Planned]:
    """Name the results of jobs that name none after their clip and mesh; a second one of that name gets a number."""
    taken = {same_place(out) for each in planned for out in each.job.out}
    named = []
    for each in planned:
        job = each.job
        if not job.out:
            stem = "_".join(Path(name).stem for name in (job.clip, job.mesh) if name)
            out = _free_place(folder, stem, ending, taken)
            taken.add(same_place(out))
            job = replace(job, out=(out,))
        named.append(replace(each, job=job))
    return named


def _free_place(folder: Path, stem: str, ending: str, taken: set[str]) -> str:
    names = (str(folder / f"{stem}{number and f'_{number}'}{ending}") for number in chain(("",), count(2)))
    return next(name for name in names if same_place(name) not in taken)


def refuse_all(source: str, faults: list[Refusal], total: int) -> None:
    """Raise InputError naming everything that is wrong, each with its place, if anything is."""
    if faults:
        lines = "".join(f"\n  {fault.place}: {fault.sentence}" for fault in faults)
        raise InputError(f"{len(faults)} of the {total} jobs of {source} cannot be done:{lines}\n", NOTHING_STARTED)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with the number of its last line."""
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise InputError(f"{path} is larger than a table of jobs can be.", "Name a CSV file of jobs.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(4096).partition("\n")[0]
            file.seek(0)
            reader = csv.reader(file, delimiter=";" if sample.count(";") > sample.count(",") else ",", strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check its name and permissions.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        problem = f"{path} is not a CSV table in UTF-8 ({error})."
        raise InputError(problem, "Save it as CSV, in UTF-8, separated by commas.") from error
    if not rows:
        raise InputError(f"{path} is empty.", "Give it a header, such as clip,mesh,output, and a row for each job.")
    return rows


def _header(path: Path, rows: list[tuple[int, list[str]]]) -> list[str]:
    """Return the names of the columns, as options name them; raise InputError if there is a fault."""
    names = [cell.strip().casefold().lstrip("-").replace("_", "-") for cell in rows[0][1]]
    names = [ALIASES.get(name, name) for name in names]
    known = {CLIP, OUTPUT, *_RowParser().columns}
    if unknown := [cell.strip() for cell, name in zip(rows[0][1], names, strict=True) if name not in known]:
        problem = f"{path} has the column {unknown[0]!r:.80}, which is no option of `actionmesh animate`."
        raise InputError(problem, f"Its columns may be {', '.join(sorted(known))}.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path} has two columns {twice[0]}.", "Remove one of them.")
    if CLIP not in names:
        raise InputError(f"{path} has no column clip.", "Give it a first line such as clip,mesh,output.")
    if not rows[1:]:
        raise InputError(f"{path} has a header, but no jobs.", "Give it a row for each job.")
    return names


def _job(cells: dict[str, str], parser: _RowParser, common: argparse.Namespace, base: Path, known: set[str]) -> Animate:
    """Return the job of one row; raise _RowFault."""
    clip = cells.pop(CLIP, "")
    if not clip:
        raise _RowFault("it names no clip")
    arguments = [f"--out={_absolute(name, base)}" for name in _several(cells.pop(OUTPUT, ""))] or ["--out="]
    for name, cell in cells.items():
        arguments += _arguments(name, cell, parser.columns[name], base, known)
    chosen = parser.parse_args([*arguments, "--", _absolute(clip, base)], _less(cells, parser, common))
    chosen.out = [name for name in chosen.out if name]
    return job_of(chosen)


def _less(cells: dict[str, str], parser: _RowParser, common: argparse.Namespace) -> argparse.Namespace:
    """Return the choices of the command line without those to which a row says no."""
    less = copy(common)
    for name, cell in cells.items():
        action = parser.columns[name]
        if action.nargs == 0 and cell.casefold() in NO:
            setattr(less, action.dest, parser.get_default(action.dest))
    return less


def _arguments(name: str, cell: str, action: argparse.Action, base: Path, known: set[str]) -> list[str]:
    """Return a cell as arguments of the command line."""
    if action.nargs == 0:
        if cell.casefold() not in YES | NO:
            raise _RowFault(f"{name} is {cell!r:.40}; use yes or no")
        return [f"--{name}"] if cell.casefold() in YES else []
    if name in FILES:
        return [f"--{name}={_absolute(cell, base)}"]
    if name == "known":
        split = [part.partition("=") for part in _several(cell)]
        return [f"--known={frame}{equals}{mesh and _absolute(mesh, base)}" for frame, equals, mesh in split]
    if name in PICKS:
        return [f"--{name}={pick}" for pick in _several(cell)]
    if name == "checkpoint":
        return [f"--checkpoint={checkpoint_of(cell, base, known)}"]
    return [f"--{name}={cell}"]


def checkpoint_of(name: str, base: Path, known: set[str]) -> str:
    """Return a checkpoint's name, or the absolute path of its folder, because workers run elsewhere."""
    return name if name in known else _absolute(name, base)


def _several(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(SEPARATOR) if part.strip()]


def _absolute(name: str, base: Path) -> str:
    """Return an absolute path; a slash at its end stays, because it makes an output a folder."""
    if "\0" in name:
        raise _RowFault("a name contains a null character")
    joined = str(base / (Path(name).expanduser() if name.startswith("~/") else Path(name)))
    return joined + "/" if name.endswith("/") and not joined.endswith("/") else joined


def checkpoint_names() -> set[str]:
    """Return the names of the checkpoints that are installed."""
    from ..weights.checkpoints import find_checkpoints

    return {found.name for found in find_checkpoints()}
