"""Where the other computer is, and how the system's ssh is called.

ssh keeps the user's own configuration, keys and list of known hosts. It asks nothing (BatchMode), and accepts no
unknown key. It forwards no ports, no agent and no windows, whatever the configuration says.
"""

import argparse
import re
import shlex
from dataclasses import dataclass

from ..errors import RemoteError

SSH = "ssh"
OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=15",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RequestTTY=no",
    "ControlMaster=no",
    "LogLevel=ERROR",
)
HOST = re.compile(r"[^\s\x00-\x20\x7f'\"`$&|;<>(){}\\-][^\s\x00-\x20\x7f'\"`$&|;<>(){}\\]{0,254}")
"""A host, `user@host` or an alias: no space, no quotation mark, and no dash in front, which would be an option."""
MOST_MINUTES = 24 * 60
NOT_FOUND = "actionmesh-not-found"
USUAL = ("actionmesh", '"$HOME/.local/bin/actionmesh"', '"$HOME/actionmesh/.venv/bin/actionmesh"')
"""Where the program is looked for if the user does not say, as words of a shell."""
SCRIPT = """\
given={given}
case $given in "~/"*) given=$HOME/${{given#"~/"}};; esac
if [ -z "$given" ]; then set -- {usual}
elif [ -d "$given" ]; then set -- "$given/.venv/bin/actionmesh" "$given/bin/actionmesh"
else set -- "$given"; fi
for program; do
  module=; case ${{program##*/}} in python*) module="-P -m actionmesh";; esac
  if command -v "$program" >/dev/null 2>&1; then exec "$program" $module {words}; fi
done
echo {not_found} >&2
exit 127"""
"""Starts the program on the other computer, in any POSIX shell."""


@dataclass(frozen=True)
class Place:
    """The other computer.

    Args:
        host: as ssh takes it: a name, `user@name`, or an alias of ~/.ssh/config.
        port: 0 leaves it to ssh.
        backend: there: the program `actionmesh`, a Python that has it, or the folder of a clone or an environment; if
            empty, the usual places are searched.
        minutes: how long the worker there is kept, and the line tried again, after the line was cut.
    """

    host: str
    port: int = 0
    backend: str = ""
    minutes: float = 10.0

    def check(self) -> None:
        """Raise RemoteError if ssh could not be called with this."""
        if not HOST.fullmatch(self.host):
            raise RemoteError(
                f"{self.host[:80]!r} is not the name of a host.", "Use a name, user@name, or an alias of ~/.ssh/config."
            )
        if not 0 <= self.port <= 65535:
            raise RemoteError(f"{self.port} is not a port.", "Use a number up to 65535, or 0 for ssh's own choice.")
        if any(character in self.backend for character in "\0\r\n"):
            raise RemoteError("The path of the remote backend has several lines.", "Use the path of a program.")
        if not 0 < self.minutes <= MOST_MINUTES:
            raise RemoteError(
                f"A line cannot be waited for {self.minutes:g} minutes.", f"Use at most {MOST_MINUTES} minutes."
            )

    @property
    def seconds(self) -> float:
        return 60 * self.minutes

    @property
    def terminal(self) -> str:
        """The command with which the user reaches it in a terminal."""
        return f"{SSH} -p {self.port} {self.host}" if self.port else f"{SSH} {self.host}"

    def command(self, *words: str) -> list[str]:
        """Return the command that runs `actionmesh WORDS` there, without a shell on this side."""
        script = SCRIPT.format(
            given=shlex.quote(self.backend), usual=" ".join(USUAL), words=shlex.join(words), not_found=NOT_FOUND
        )
        options = [part for option in OPTIONS for part in ("-o", option)]
        port = ["-p", str(self.port)] if self.port else []
        return [SSH, "-T", *options, *port, "--", self.host, f"exec sh -c {shlex.quote(script)}"]


def add_place(parser: argparse._ActionsContainer) -> None:
    """Add the options that name another computer."""
    parser.add_argument(
        "--host", metavar="HOST", help="let this computer do it, reached by ssh: a name, user@name or an alias"
    )
    parser.add_argument("--port", metavar="N", type=int, default=Place.port, help="port of its ssh server")
    parser.add_argument(
        "--host-backend", metavar="PATH", default=Place.backend, help="its program actionmesh, its Python, or its clone"
    )
    parser.add_argument(
        "--host-minutes",
        metavar="X",
        type=float,
        default=Place.minutes,
        help="minutes to wait, on both sides, if the line is cut (default: %(default)g)",
    )


def place_of(chosen: argparse.Namespace) -> Place | None:
    """Return the computer that the options name, or None for this one; raise RemoteError if it makes no sense."""
    if not chosen.host:
        return None
    place = Place(chosen.host, chosen.port, chosen.host_backend, chosen.host_minutes)
    place.check()
    return place
