"""The messages between a client (Blender, a test) and the worker: JSON-RPC 2.0, one object per line.

    client -> worker    initialize, ping, animate, generate, match, look, track, rig, download, remove_models,
                        cancel, unload, shutdown; each answered by a result or an error
    worker -> client    progress, log                                                 never answered

`job` defines the jobs on a clip, with the choices in `choices`, what was pointed at in `picks` and the bounds in
`limits`; `looks` what is shown of its subject; `requests`, `answers` and `notices` hold the other messages; `envelopes`
turns messages into lines and back, by means of `reading`. `clip_names` finds the clips of a folder.

Each message type is a dataclass that carries its method's name, so no name is typed twice. A job is identified by the
id of its request, such as an `animate` request. Arrays and meshes are passed by file path. This package uses the
standard library only, because both sides load it. It does not cover pipes, threads or what the methods do.
"""

from .answers import (
    Animated,
    CancelAnswer,
    Checkpoint,
    ClipCamera,
    Device,
    Done,
    Downloaded,
    Fit,
    Initialized,
    Looked,
    Removed,
    Rigged,
    Tracked,
)
from .choices import Facing, Match, Memory, PresetName, ReferencePose, ResultFormat, Shape
from .clip_names import clips_in
from .envelopes import (
    ANSWERS,
    MAX_ID,
    MAX_LINE,
    NOTICES,
    REQUESTS,
    Answer,
    Failure,
    Message,
    Notice,
    Request,
    decode,
    encode,
)
from .job import (
    MISFIT_ENDING,
    MOST_BONES,
    USUAL_BONES,
    Animate,
    FrameChoice,
    Generate,
    KnownShape,
    Rematch,
    Rig,
    Source,
)
from .kinds import JobId, Kind, ProtocolError
from .limits import Checked, Fault, Number, Whole, limits
from .looks import Look, Track
from .notices import LogLevel, LogNotice, ProgressNotice
from .picks import Area, Picks, Spot
from .reading import read, read_as
from .requests import VERSION, Cancel, Download, Initialize, Params, Ping, RemoveModels, Shutdown, Unload
from .stage import Stage

__all__ = [
    "ANSWERS", "MAX_ID", "MAX_LINE", "MISFIT_ENDING", "MOST_BONES", "NOTICES", "REQUESTS", "USUAL_BONES", "VERSION",
    "Animate", "Animated", "Answer", "Area", "Cancel", "CancelAnswer", "Checked", "Checkpoint", "ClipCamera",
    "Device", "Done", "Download", "Downloaded", "Facing", "Failure", "Fault", "Fit", "FrameChoice", "Generate",
    "Initialize", "Initialized", "JobId", "Kind", "KnownShape", "LogLevel", "LogNotice", "Look", "Looked", "Match",
    "Memory", "Message", "Notice", "Number", "Params", "Picks", "Ping", "PresetName", "ProgressNotice",
    "ProtocolError", "ReferencePose", "Rematch", "RemoveModels", "Removed", "Request", "ResultFormat", "Rig",
    "Rigged", "Shape", "Shutdown", "Source", "Spot", "Stage", "Track", "Tracked", "Unload", "Whole", "clips_in",
    "decode", "encode", "limits", "read", "read_as",
]  # fmt: skip
