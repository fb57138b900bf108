"""The command `weights`: how large the public weights are and how to download them. See `download_report.py`."""

import argparse
import os
from pathlib import Path

from .errors import InputError

DESCRIPTION = """\
Shows the size and licence of the public weights, which of them FOLDER already holds, and whether its disk has room for
the rest, and prints the commands that download just the needed files. Downloads nothing itself.

The sizes come from the hub (HF_ENDPOINT names another one, HF_HUB_OFFLINE=1 asks none). If it does not answer within a
few seconds, they are estimates. The exit code is 2 if the disk has too little room.
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
        help="where the weights are or will be; without it, the folder full in the one that ACTIONMESH_CHECKPOINTS "
        "names",
    )


def run_weights(chosen: argparse.Namespace) -> None:
    from .download_report import tell  # other commands do not need its imports

    tell(chosen.folder or default_folder())


def default_folder() -> Path:
    """Return the folder of `animate --checkpoint full`; raise InputError if no folder of checkpoints is set."""
    from .weights.checkpoints import VARIABLE

    if not os.environ.get(VARIABLE):
        raise InputError("No folder for the weights is given.", f"Name one, such as weights/full, or set {VARIABLE}.")
    return Path(os.environ[VARIABLE]) / "full"
