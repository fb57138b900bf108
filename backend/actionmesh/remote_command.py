"""The commands of the command line that ssh runs on another computer; nobody types them."""

import argparse
import sys

from .remote.attach import attach


def add_remote(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `remote attach` and `remote hold`."""
    about = "what ssh runs on the computer that --host names; not for typing"
    parser = commands.add_parser("remote", help=about, description=f"{about[0].upper()}{about[1:]}.")
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    joining = inner.add_parser("attach", help="join standard input and output to a session")
    joining.add_argument("--again", action="store_true", help="only to a session that exists")
    joining.set_defaults(run=run_attach)
    holding = inner.add_parser("hold", help="keep the worker of a session")
    holding.set_defaults(run=run_hold)
    for command in (joining, holding):
        command.add_argument("session", metavar="SESSION", help="32 hexadecimal digits")
        command.add_argument(
            "--seconds", metavar="X", type=float, default=600.0, help="time that the worker lives without a client"
        )
        command.add_argument("--debug", action="store_true", help="show where an error comes from")


def run_attach(chosen: argparse.Namespace) -> None:
    if code := attach(chosen.session, chosen.seconds, chosen.again):
        sys.exit(code)


def run_hold(chosen: argparse.Namespace) -> None:
    from .remote.holder import hold

    hold(chosen.session, chosen.seconds)
