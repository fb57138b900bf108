"""The messages between Blender and the installer's process, one line of JSON each.

Request     the task, in the first line of the process's input; the end of the input is a cancel
Progress    the progress of a stage
Planned     what an installation would do, for the artist to agree to
Finished    the last message after success
Failed      the last message after a failure: the problem and the cure
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ..reading import parse_json

SYSTEM_PREFERENCES = "screen.userpref_show"
"""The operator that opens the preferences with Allow Online Access."""


class Action(StrEnum):
    PLAN = "plan"
    INSTALL = "install"
    REPAIR = "repair"
    REMOVE = "remove"


class Stage(StrEnum):
    """The stages of an installation, in order."""

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
        index: URL of a mirror of PyPI; if empty, the index that pip or uv is configured with, or PyPI itself.
        kind: kind of PyTorch, if there is a choice; if empty, chosen by the card.
        blender_python: Blender's own Python, the last resort for making an environment.
        jobs: folder of jobs; replaced environments are removed only if no job is running.
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
    """The progress of an installation.

    Args:
        text: a few words, such as "120 of 418 MB".
        fraction: done part of the stage, from 0 to 1; None if unknown.
        seconds_left: remaining time of the stage; None if unknown.
    """

    stage: Stage
    text: str = ""
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Planned:
    """What an installation would do. `download` and `installed` are in bytes, `notes` are sentences."""

    kind: str
    download: int
    installed: int
    folder: str
    source: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Finished:
    """The end of a success. `python` is the interpreter that now runs the backend; empty after a removal."""

    python: str = ""
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Failed:
    """The end of a failure. `cancelled`: the artist stopped it. `fix` names an operator that helps; may be empty."""

    problem: str
    cure: str = ""
    cancelled: bool = False
    fix: str = field(default="", compare=False)  # only a button; failures compare equal without it


Message = Progress | Planned | Finished | Failed
KINDS: dict[str, type[Progress] | type[Planned] | type[Finished] | type[Failed]] = {
    kind.__name__: kind for kind in (Progress, Planned, Finished, Failed)
}


def encode(message: Message) -> bytes:
    return json.dumps([type(message).__name__, asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Message | None:
    """Return the message in a line; None if there is none."""
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
