"""Print the report of the command `weights`: sizes, licences, missing files, disk room, and download commands.

It downloads nothing.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .shell import Shell, users_shell
from .weights.hub import Sizes, ask_sizes
from .weights.presence import DiskUsage, Presence, free_bytes, nearest_folder, presence
from .weights.public import DOWNLOADS, Download
from .weights.room import amount, check_room

NAMED = 3
"""Number of missing files to name; the others are counted."""


def tell(
    folder: Path,
    ask: Callable[[Sequence[Download]], list[Sizes]] = ask_sizes,
    disk_usage: DiskUsage = shutil.disk_usage,
) -> None:
    """Print everything about the public weights in `folder`.

    Raises:
        InputError: a file is in the folder's place.
        OutputError: the disk has no room for what is still needed.
    """
    nearest = nearest_folder(folder)
    states = [
        State(presence(download, folder), sizes) for download, sizes in zip(DOWNLOADS, ask(DOWNLOADS), strict=True)
    ]
    needed = Rest(tuple(state for state in states if not state.presence.download.optional))
    optional = Rest(tuple(state for state in states if state.presence.download.optional))
    room = free_bytes(nearest, disk_usage)
    print(f"Public weights in {folder}")
    for state in states:
        print("", *_description(state), sep="\n")
    print("", *_summary(needed, optional, nearest, room), sep="\n")
    print(*_instructions(needed, optional, folder), sep="\n", flush=True)
    check_room(folder, needed.bytes, room, needed.size)


@dataclass(frozen=True)
class State:
    """The state of a download: which of its files are present, and how large it is."""

    presence: Presence
    sizes: Sizes

    @property
    def size(self) -> str:
        count, doubt = sum(self.sizes.bytes.values()), self.sizes.doubt
        return _estimate(count, f": {doubt}") if doubt else amount(count)


@dataclass(frozen=True)
class Rest:
    """The part of some downloads that is still missing."""

    states: tuple[State, ...]

    @property
    def open(self) -> tuple[State, ...]:
        return tuple(state for state in self.states if not state.presence.complete)

    @property
    def bytes(self) -> int:
        return sum(state.sizes.bytes.get(file.path, 0) for state in self.open for file in state.presence.absent)

    @property
    def size(self) -> str:
        return (_estimate if any(state.sizes.doubt for state in self.open) else amount)(self.bytes)


def _estimate(count: int, reason: str = "") -> str:
    return f"about {amount(count)} (estimate{reason})"


def _description(state: State) -> Iterator[str]:
    download = state.presence.download
    use = "yes" if download.licence.commercial else "no"
    yield f"{download.hub_id}{', optional' if download.optional else ''}: {download.enables}"
    yield f"  size     {state.size}"
    yield f"  licence  {download.licence.name}; commercial use: {use}; {download.page}"
    yield f"  state    {_state(state.presence)}"


def _state(found: Presence) -> str:
    if found.complete:
        return f"complete in {found.folder}"
    if not found.begun:
        return f"not in {found.folder} yet"
    paths = [file.path for file in found.lacking]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return f"incomplete in {found.folder}: missing or damaged: {', '.join(paths[:NAMED])}{more}"


def _summary(needed: Rest, optional: Rest, nearest: Path, room: int | None) -> Iterator[str]:
    more = f", and {optional.size} more for the optional files" if optional.open else ""
    yield f"Still to download: {needed.size if needed.open else 'nothing that is needed'}{more}"
    if room is None:
        yield f"Free at {nearest.absolute()}: unknown, its disk does not report it"
        return
    judgement = "enough"
    if needed.bytes > room:
        judgement = "too little"
    elif needed.bytes + optional.bytes > room:
        judgement = "enough for the needed files, too little for the optional ones"
    yield f"Free at {nearest.absolute()}: {amount(room)}, {judgement}"


def _instructions(needed: Rest, optional: Rest, folder: Path) -> Iterator[str]:
    """Yield the download commands, and the name under which `animate` then finds the weights."""
    shell, program = users_shell(), hub_program()
    for heading, rest in (("Download what is missing:", needed), ("Optionally, download as well:", optional)):
        if rest.open:
            yield from ("", heading, "", *(download_command(state.presence, shell, program) for state in rest.open))
    yield ""
    yield f"{'Then animate' if needed.open else 'Animate'} with them: --checkpoint {shell.quote(str(folder))}"


def download_command(found: Presence, shell: Shell, program: str) -> str:
    """Return the command that downloads `found`; it skips existing files, and fetches only the named ones."""
    download = found.download
    revision = [("--revision", download.revision)] if download.revision else []
    patterns = [("--include", pattern) for pattern in download.patterns]
    place = ("--local-dir", str(found.folder))
    return shell.command(program, ("download", download.hub_id), *revision, place, *patterns)


def hub_program() -> str:
    """Return the path of the `hf` installed next to this Python; plain `hf` if there is none.

    The path is relative to the current folder if the program is in a folder below it.
    """
    program = Path(sys.executable).with_name("hf.exe" if os.name == "nt" else "hf")
    if not program.is_file():
        return "hf"
    here = Path.cwd()
    below = program.is_relative_to(here) and program.parent != here  # a bare name would be searched for on the path
    return str(program.relative_to(here) if below else program)
