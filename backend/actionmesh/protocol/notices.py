"""What the worker sends without being asked."""

from dataclasses import dataclass
from enum import StrEnum

from .kinds import JobId
from .requests import Params
from .stage import Stage


class LogLevel(StrEnum):
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class ProgressNotice(Params):
    """`step` of `total` steps of `stage` are done.

    Args:
        seconds_left: for this part of the stage; None at its start.
        part, parts: which part of the stage this is, counted from 1, such as a window of frames.
        item: what the stage is about, such as a model's name, if it is not the same for every job.
    """

    METHOD = "progress"
    job: JobId
    stage: Stage
    step: int
    total: int
    seconds_left: float | None
    part: int = 1
    parts: int = 1
    item: str = ""


@dataclass(frozen=True)
class LogNotice(Params):
    METHOD = "log"
    level: LogLevel
    message: str
