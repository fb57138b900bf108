"""The command `download`: fetch and remove model sets, ask for licences, show a bar. See `model_downloads.py`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .downloads import default_folder
from .errors import InputError
from .progress import Progress, ProgressEvent
from .stage_words import in_words

if TYPE_CHECKING:
    from .model_downloads import Planned
    from .weights.public import Download, ModelSet

DESCRIPTION = """\
Downloads models into FOLDER. Existing files are kept, and an interrupted download continues where it stopped. Each file
is checked against the hub's checksum before it is put in place, and a record of it is written next to it.

  bundled      comes with ActionMesh: nothing to download
  actionmesh   the full-size networks, about 14.6 GB (without SET, this one)
  background   RMBG-1.4, which cuts the subject out of any background
  subject      no models yet
  wan-5b       Wan 2.2 TI2V 5B: `generate` from a text, a picture or a mesh, about 34 GB
  wan-1.3b     Wan 2.1 T2V 1.3B: `generate` from a text, about 29 GB
  cogvideox-2b CogVideoX 2B: `generate` from a text in English, about 13 GB

Each model's licence must be accepted, with --accept-licence NAME or when asked on a terminal. The token for the hub is
taken from HF_TOKEN or from `hf auth login`. HF_ENDPOINT names another hub. This command ignores HF_HUB_OFFLINE.
"""


def add_download(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "download",
        help="download models, or remove them",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_download)
    where = "sets of models, then the folder; without a folder, the same one as for `weights`"
    parser.add_argument("names", metavar="SET|FOLDER", nargs="*", help=where)
    accept = "accept the licence of a model, such as ActionMesh"
    parser.add_argument("--accept-licence", metavar="NAME", action="append", default=[], help=accept)
    parser.add_argument("--half", action="store_true", help="make half-precision copies too, in a folder FOLDER-half")
    parser.add_argument("--remove", action="store_true", help="delete what was downloaded instead")
    parser.add_argument("--yes", action="store_true", help="delete without asking")


def run_download(chosen: argparse.Namespace) -> None:
    from . import model_downloads

    sets, folder = sets_and_folder(chosen.names)
    if chosen.remove:
        _remove(sets, folder, chosen.yes)
        return
    model_downloads.allow_the_hub()
    for each in sets:
        if not each.downloads:
            print(f"{each.title}: {'comes with ActionMesh' if each.bundled else 'no models yet'}, nothing to download")
    planned = model_downloads.plan(sets, folder)
    for model in planned:
        _describe(model)
    accepted = [*chosen.accept_licence, *_asked([each for each in planned if each.resolved], chosen.accept_licence)]
    with closing(ByteBar()) as bar:
        came = model_downloads.carry_out(planned, folder, accepted, Progress(bar.report))
        half = model_downloads.make_half(sets, folder, Progress(bar.report)) if chosen.half else None
    _tell_end(planned, folder, came, half)


def sets_and_folder(names: Sequence[str]) -> "tuple[tuple[ModelSet, ...], Path]":
    """Return what the command line names: first sets, then at most one folder; raise InputError otherwise."""
    from .model_downloads import choose_sets
    from .weights.public import SETS

    keys, others = [name for name in names if name in SETS], [name for name in names if name not in SETS]
    if len(others) > 1:
        problem = f"{' and '.join(others)} are not sets of models, and only one of them can be the folder."
        raise InputError(problem, f"The sets are {', '.join(SETS)}.")
    folder = Path(others[0]) if others else default_folder()
    return choose_sets(keys or ["actionmesh"]), folder


def _describe(model: "Planned") -> None:
    from .weights.room import amount

    download, found = model.download, model.presence
    print(f"{download.hub_id}: {download.enables}")
    if model.resolved is None:
        print(f"  state     complete in {found.folder}")
        return
    left = f", {amount(model.arrived)} of it already downloaded" if model.arrived else ""
    print(f"  revision  {model.resolved.revision}")
    print(f"  size      {amount(model.bytes)} in {len(model.files)} files{left}")
    print(f"  licence   {_licence(download)}")


def _licence(download: "Download") -> str:
    use = "yes" if download.licence.commercial else "NO"
    return f"{download.licence.name}; commercial use: {use}; {download.licence_link}"


def _asked(planned: "Sequence[Planned]", accepted: Sequence[str]) -> list[str]:
    """Return the models whose licence the user accepts when asked; without a terminal nobody is asked."""
    from .model_downloads import is_accepted

    if not sys.stdin.isatty():
        return []
    open_ = [each.download for each in planned if not is_accepted(each.download, accepted)]
    return [each.name for each in open_ if _confirmed(f"Accept the licence of {each.name} ({_licence(each)})?")]


def _confirmed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _tell_end(planned: "Sequence[Planned]", folder: Path, came: int, half: Path | None) -> None:
    from .weights.room import amount

    if planned:
        print(f"Downloaded {amount(came)} into {folder}" if came else f"{folder} is complete, nothing was downloaded")
    if half is not None:
        print(f"Half-precision copies are in {half}")
        print(f"The originals can be removed now: download --remove {folder}")


def _remove(sets: "Sequence[ModelSet]", folder: Path, sure: bool) -> None:
    from . import model_downloads
    from .weights.room import amount

    found = model_downloads.removables(sets, folder)
    for each in found:
        if each.bytes:
            print(f"{each.download.name} in {each.folder}: {amount(each.bytes)}")
        for kept in each.kept:
            print(f"  kept, because ActionMesh did not download it: {kept}")
    size = sum(each.bytes for each in found)
    if size and not sure and not (sys.stdin.isatty() and _confirmed(f"Delete {amount(size)}?")):
        raise InputError("Nothing was deleted.", "Answer yes when asked, or add --yes.")
    print(f"Freed {amount(model_downloads.remove_all(found))}")


class ByteBar:
    """One bar on a terminal for the current stage, in bytes with the time left."""

    def __init__(self) -> None:
        self._name = ""
        self._bar: Any = None

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, event: ProgressEvent) -> None:
        from tqdm import tqdm

        name = in_words(event)
        if self._bar is None or name != self._name:
            self.close()
            look = {"unit": "B", "unit_scale": True, "disable": None, "dynamic_ncols": True}
            self._bar, self._name = tqdm(total=event.total, initial=event.step, desc=name, **look), name
        self._bar.update(event.step - self._bar.n)
