"""What Blender and the installer's process tell each other: a line of JSON each, the request first.

Request     what is to be done, the first line of the process's input; its end is a cancel
Progress    a stage goes on
Planned     what an installation would do, for the artist to agree to
Finished    the last message of what went well
Failed      the last message of what did not: one sentence, and one with the cure
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ..reading import parse_json

SYSTEM_PREFERENCES = "screen.userpref_show"
"""The operator that opens the page with Allow Online Access."""


class Action(StrEnum):
    PLAN = "plan"
    INSTALL = "install"
    REPAIR = "repair"
    REMOVE = "remove"


class Stage(StrEnum):
    """The stages of an installation in their order."""

    PREFLIGHT = "preflight"
    TOOL = "tool"
    PYTHON = "python"
    DOWNLOAD = "download"
    INSTALL = "install"
    IMPORT = "import"
    TRIAL = "trial"
    REMOVE = "remove"


@dataclass(frozen=True)
class Request:
    """What an artist asks for.

    Args:
        online: whether Blender may use the network; without it only a folder of wheels helps.
        wheels: folder of wheels, used instead of the network; may be empty.
        index: URL of a mirror of PyPI; empty takes what pip or uv is set up with, or PyPI itself.
        kind: of PyTorch, where there is a choice; empty chooses by the card.
        blender_python: the Python inside Blender, the last resort to make an environment with.
        jobs: folder of jobs: an environment that one of them uses is not removed.
    """

    action: Action
    online: bool = False
    wheels: str = ""
    index: str = ""
    kind: str = ""
    blender_python: str = ""
    jobs: str = ""


@dataclass(frozen=True)
class Progress:
    """Where an installation is.

    Args:
        text: a few words, such as "120 of 418 MB".
        fraction: of the stage, from 0 to 1; None where it cannot be told.
        seconds_left: of the stage.
    """

    stage: Stage
    text: str = ""
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Planned:
    """What an installation would do. `download` and `installed` are bytes, `notes` sentences."""

    kind: str
    download: int
    installed: int
    folder: str
    source: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Finished:
    """It went well. `python` runs the backend now; empty after a removal."""

    python: str = ""
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Failed:
    """It did not. `cancelled` says that the artist wanted it so; `fix` names an operator that mends it, or nothing."""

    problem: str
    cure: str = ""
    cancelled: bool = False
    fix: str = field(default="", compare=False)  # a button; what went wrong is the same without it


Message = Progress | Planned | Finished | Failed
KINDS: dict[str, type[Progress] | type[Planned] | type[Finished] | type[Failed]] = {
    kind.__name__: kind for kind in (Progress, Planned, Finished, Failed)
}


def encode(message: Message) -> bytes:
    return json.dumps([type(message).__name__, asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Message | None:
    """Return the message of a line; None if it is none."""
    try:
        name, fields = parse_json(line)
        return KINDS[name](**fields)
    except (ValueError, TypeError, KeyError):
        return None


def encode_request(request: Request) -> bytes:
    return json.dumps(asdict(request)).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    read = json.loads(line)
    return Request(**{**read, "action": Action(read["action"])})
