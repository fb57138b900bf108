"""The command `weights`: what the public weights take, and how they are downloaded. The work is `download_report.py`'s."""

import argparse
import os
from pathlib import Path

from .errors import InputError

DESCRIPTION = """\
Tells the size and licence of the public weights, what of them FOLDER holds already, and whether its disk has room for the rest,
and prints the commands that download just the files which are needed. Downloads nothing itself.

The sizes are asked from the hub (HF_ENDPOINT names another one, HF_HUB_OFFLINE=1 asks none); where none answers within a few
seconds, they are estimates. Ends with 2 if the disk has too little room.
"""


def add_weights(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "weights",
        help="size, licence and download commands of the public weights",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_weights)
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        type=Path,
        help="where the weights are, or are to be; without it, the folder full in the one that ACTIONMESH_CHECKPOINTS names",
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def run_weights(chosen: argparse.Namespace) -> None:
    from .download_report import tell  # other commands do without what it imports

    tell(chosen.folder or default_folder())


def default_folder() -> Path:
    """Return the folder that `animate --checkpoint full` takes; raises InputError if no folder of checkpoints is set."""
    from .weights.checkpoints import VARIABLE

    if not os.environ.get(VARIABLE):
        raise InputError("No folder is named for the weights.", f"Give one, such as weights/full, or set {VARIABLE}.")
    return Path(os.environ[VARIABLE]) / "full"
