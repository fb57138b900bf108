"""The messages between a client (Blender, a test) and the worker: JSON-RPC 2.0, one object per line.

    client -> worker    initialize, ping, animate, match, look, download, remove_models, cancel, unload, shutdown
                        each answered by a result or an error
    worker -> client    progress, log                                                 never answered

Each message type is a dataclass that carries its method's name, so no name is typed twice. A job is identified by the
id of its request, such as an `animate` request. Arrays and meshes are passed by file path. This module uses the
standard library only, because both sides import it. It does not cover pipes, threads or what the methods do.
"""

import json
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

VERSION = 5
MAX_LINE = 1 << 20

JobId = int | str
Record = TypeVar("Record")


class Kind(StrEnum):
    """The kinds of errors, each with its JSON-RPC number.

    `errors.py` has a class for each kind from `BAD_INPUT` to `CANCELLED`, and for the last one.
    """

    code: int

    def __new__(cls, name: str, code: int = 0) -> "Kind":
        kind = str.__new__(cls, name)
        kind._value_, kind.code = name, code
        return kind

    PARSE_ERROR = "parse_error", -32700
    INVALID_REQUEST = "invalid_request", -32600
    UNKNOWN_METHOD = "unknown_method", -32601
    INVALID_PARAMS = "invalid_params", -32602
    INTERNAL = "internal", -32603
    BAD_INPUT = "bad_input", -32001
    BAD_MEDIA = "bad_media", -32002
    BAD_MESH = "bad_mesh", -32003
    BAD_CHECKPOINT = "bad_checkpoint", -32004
    CANNOT_WRITE = "cannot_write", -32005
    OUT_OF_MEMORY = "out_of_memory", -32006
    CANCELLED = "cancelled", -32007
    BUSY = "busy", -32008
    BAD_INSTALL = "bad_install", -32009
    OTHER_VERSION = "other_version", -32010
    CANNOT_DOWNLOAD = "cannot_download", -32011


class ProtocolError(Exception):
    """An error as it is sent: its kind, one sentence on what is wrong, and one on what to do.

    `id` is the id of the request at fault, if it could be read.
    """

    def __init__(self, kind: Kind, problem: str, cure: str = "", id: JobId | None = None):
        super().__init__(f"{problem} {cure}".strip())
        self.kind, self.problem, self.cure, self.id = kind, problem, cure, id


class LogLevel(StrEnum):
    WARNING = "warning"
    ERROR = "error"


class Memory(StrEnum):
    """The memory plan of a job: the GB of the card it is made for. AUTO takes the roomiest plan that fits."""

    AUTO = "auto"
    GB_24 = "24"
    GB_12 = "12"
    GB_8 = "8"
    GB_6 = "6"


class ReferencePose(StrEnum):
    """Where Stage II puts the mesh at the anchor frame, where its shape is known, and so at all other times.

    CORRECTED: the network's error at a window's source frame is subtracted from every pose, so that the anchor pose is
        exactly the reference mesh.
    PUBLISHED: the anchor pose is exactly the reference mesh and is not decoded; every other pose is as decoded.
    DECODED: every pose is as decoded, including the anchor's.
    """

    CORRECTED = "corrected"
    PUBLISHED = "published"
    DECODED = "decoded"

    @classmethod
    def by_default(cls, own_mesh: bool) -> "ReferencePose":
        """Return the default for a job; `own_mesh` says whether the mesh is the artist's or made from the clip."""
        return cls.CORRECTED if own_mesh else cls.DECODED


class Match(StrEnum):
    """How an animation is matched to its clip.

    OFF leaves it as it is, REFINE starts from the network's poses, TRACK starts from the still mesh, and AUTO takes the
    better of the two.
    """

    AUTO = "auto"
    OFF = "off"
    REFINE = "refine"
    TRACK = "track"


class Facing(StrEnum):
    """The side of the mesh that the camera sees in the reference frame, as an axis of model space (+Y up).

    AUTO finds it.
    """

    AUTO = "auto"
    FRONT = "+Z"
    BACK = "-Z"
    RIGHT = "+X"
    LEFT = "-X"


class Shape(StrEnum):
    """Where the mesh comes from if a job has only a clip: the network, or a relief of the subject's outline."""

    AUTO = "auto"
    NETWORK = "network"
    RELIEF = "relief"


@dataclass(frozen=True)
class Params:
    """The parameters of a method; the method is named here and nowhere else."""

    METHOD: ClassVar[str]


# What the client sends.


@dataclass(frozen=True)
class Initialize(Params):
    """Ask who the worker is; refused if the two sides speak different versions.

    `brief` leaves out versions, devices and checkpoints, which require loading PyTorch. `first_frame` is the number
    that sentences give to a clip's first frame, 0 or 1.
    """

    METHOD = "initialize"
    protocol: int = VERSION
    brief: bool = False
    first_frame: int = 0


@dataclass(frozen=True)
class Ping(Params):
    """Ask whether the worker still listens; answered at once, whatever else it is doing."""

    METHOD = "ping"


@dataclass(frozen=True)
class Frames:
    """Which frames of the clip; see `options.FrameChoice`."""

    start: int = 0
    count: int | None = None
    step: int = 1
    spread: int | None = None


@dataclass(frozen=True)
class Known:
    """An additional frame whose shape is known; see `options.KnownShape`."""

    frame: int
    mesh: str


@dataclass(frozen=True)
class Animate(Params):
    """Run one job. The fields are those of `options.AnimateOptions`, then where the job runs and what it writes.

    Args:
        out: files to write; the file name's ending selects the format.
        checkpoint: name or folder; None selects the default one.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
    """

    METHOD = "animate"
    clip: str
    out: tuple[str, ...]
    mask: str | None = None
    mesh: str | None = None
    known: tuple[Known, ...] = ()
    frames: Frames = field(default_factory=Frames)
    anchor: int | None = None
    preset: str = "quality"
    seed: int = 0
    in_betweens: int = 0
    steps: int | None = None
    guidance: float | None = None
    image_steps: int | None = None
    max_faces: int | None = None
    smallest_part: float | None = None
    match: Match = Match.AUTO
    facing: Facing = Facing.AUTO
    shape: Shape = Shape.AUTO
    colours: bool = False
    reference_pose: ReferencePose | None = None
    fps: float | None = None
    memory: Memory = Memory.AUTO
    checkpoint: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Rematch(Params):
    """Match a finished animation to its clip again, without the networks; answered like `animate`.

    Args:
        result: a .safetensors file that `animate` wrote.
        clip: None takes the clip that the result names; frames, masks and rate always come from the result.
        out: files to write; the file name's ending selects the format.
        mask: replaces the result's masks.
        checkpoint, device, memory: used for background removal.
    """

    METHOD = "match"
    result: str
    out: tuple[str, ...]
    clip: str | None = None
    mask: str | None = None
    match: Match = Match.AUTO
    facing: Facing = Facing.AUTO
    shape: Shape = Shape.AUTO
    checkpoint: str | None = None
    device: str = "auto"
    memory: Memory = Memory.AUTO


@dataclass(frozen=True)
class Look(Params):
    """Show the subject of the reference frame as an `animate` request with these fields would cut it out.

    Args:
        out: a .png file to write: the whole frame, RGBA, transparent outside the subject.
        size: upper limit of its longest side, in pixels; a frame is never enlarged.
    """

    METHOD = "look"
    clip: str
    out: str
    mask: str | None = None
    frames: Frames = field(default_factory=Frames)
    anchor: int | None = None
    fps: float | None = None
    size: int = 256
    memory: Memory = Memory.AUTO
    checkpoint: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Download(Params):
    """Download model sets into a checkpoint's folder. Progress is in bytes; cancelling keeps what has arrived.

    Needs a worker that was started for downloads: one that runs with HF_HUB_OFFLINE set downloads nothing. The worker
    takes the token from its HF_TOKEN.

    Args:
        sets: keys in `weights.public.SETS`.
        accepted: names of the models whose licences were accepted.
        half: also make half-precision copies, in another folder.
    """

    METHOD = "download"
    sets: tuple[str, ...]
    folder: str
    accepted: tuple[str, ...] = ()
    half: bool = False


@dataclass(frozen=True)
class RemoveModels(Params):
    """Delete the downloaded files of model sets, and nothing else."""

    METHOD = "remove_models"
    sets: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Cancel(Params):
    """Ask a job to stop; the job itself then answers with a `cancelled` error."""

    METHOD = "cancel"
    job: JobId


@dataclass(frozen=True)
class Unload(Params):
    """Free the models' memory."""

    METHOD = "unload"


@dataclass(frozen=True)
class Shutdown(Params):
    """End the worker, and with it any running job."""

    METHOD = "shutdown"


# What the worker answers.


@dataclass(frozen=True)
class Device:
    """A device to compute on; memory in bytes, None if the system does not report it."""

    name: str
    description: str
    memory_total: int | None
    memory_free: int | None


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights and its size in bytes; usable if nothing is `missing`, on the terms of `licence`."""

    name: str
    path: str
    kind: str
    size: int
    missing: tuple[str, ...]
    licence: str = ""


@dataclass(frozen=True)
class Initialized:
    protocol: int
    versions: dict[str, str]
    devices: tuple[Device, ...]
    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True)
class ClipCamera:
    """The clip's camera, in the coordinates of the animated mesh.

    Args:
        matrix: 16 numbers, row by row, from the camera's axes (it looks along -Z, +Y up) to the mesh's coordinates.
        width, height: size of the clip's frames in pixels; the optical axis passes through the middle.
        focal: focal length in pixels of the clip; None for an orthographic camera.
        pixel: size of one pixel of the clip in the mesh's units; None for a perspective camera.
    """

    matrix: tuple[float, ...]
    width: int
    height: int
    focal: float | None
    pixel: float | None


@dataclass(frozen=True)
class Fit:
    """How well an animation fits its clip.

    Args:
        way: how it was matched: `Match.OFF`, `REFINE` or `TRACK`.
        shape: where the mesh came from: "own", or `Shape.NETWORK` or `RELIEF`.
        agreement: overlap of the mesh and the subject in the reference frame, 0 to 1; None if it was not measured.
        overlap: the same for the result, averaged over the frames.
        facing: degrees around +Y from the mesh's +Z to the side that the camera sees.
        doubt: another angle that explains the reference frame almost as well; None if there is none.
        camera: None if no camera was estimated.
        notes: sentences for the user.
    """

    way: Match = Match.OFF
    shape: str = "own"
    agreement: float | None = None
    overlap: float | None = None
    facing: float = 0.0
    doubt: float | None = None
    camera: ClipCamera | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Animated:
    """A finished job.

    Args:
        out: the files written.
        poses, vertices, faces: size of the animation.
        duration: seconds from the first pose to the last.
        reference_frame: index of the pose that is the reference mesh.
        timings: seconds of each stage in order, then of the work between stages; the last, "Total", is the whole job.
        loads: how many times models were loaded since the checkpoint was opened.
        plan: name of the memory plan that the job finished with.
        retried_for_memory: whether the job first ran out of memory under a roomier plan.
        fit: how well it fits the clip.
    """

    out: tuple[str, ...]
    poses: int
    vertices: int
    faces: int
    duration: float
    reference_frame: int
    timings: dict[str, float]
    loads: int
    plan: str = ""
    retried_for_memory: bool = False
    fit: Fit = field(default_factory=Fit)


@dataclass(frozen=True)
class Looked:
    """The result of a `look` request.

    Args:
        out: the picture that was written.
        clip_frames: number of frames in the whole clip.
        chosen: how many of them a job would use.
        frame: position of the reference frame in the clip, counted from 0.
        fps: frames per second on average, or as the request gave them.
        width, height: size of the clip's frames in pixels.
        coverage: share of the reference frame that the subject fills, from 0 to 1.
    """

    out: str
    clip_frames: int
    chosen: int
    frame: int
    fps: float
    width: int
    height: int
    coverage: float


@dataclass(frozen=True)
class Downloaded:
    """A finished download.

    Args:
        folder: the checkpoint's folder, or that of the half-precision copies if they were requested.
        size: bytes downloaded.
        revisions: revision of each model downloaded now, by the model's name.
    """

    folder: str
    size: int
    revisions: dict[str, str]


@dataclass(frozen=True)
class Removed:
    """The result of a removal: `size` bytes were freed."""

    size: int


@dataclass(frozen=True)
class CancelAnswer:
    """`running` is false if the job no longer exists."""

    running: bool


@dataclass(frozen=True)
class Done:
    """The empty answer."""


# What the worker sends without being asked.


@dataclass(frozen=True)
class ProgressNotice(Params):
    """`step` of `total` steps of `stage` are done; `seconds_left` is for this stage, None at its start."""

    METHOD = "progress"
    job: JobId
    stage: str
    step: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class LogNotice(Params):
    METHOD = "log"
    level: LogLevel
    message: str


ANSWERS: dict[type[Params], type] = {
    Initialize: Initialized,
    Ping: Done,
    Animate: Animated,
    Rematch: Animated,
    Look: Looked,
    Download: Downloaded,
    RemoveModels: Removed,
    Cancel: CancelAnswer,
    Unload: Done,
    Shutdown: Done,
}
REQUESTS: dict[str, type[Params]] = {record.METHOD: record for record in ANSWERS}
NOTICES: dict[str, type[Params]] = {record.METHOD: record for record in (ProgressNotice, LogNotice)}


# Envelopes.


@dataclass(frozen=True)
class Request:
    id: JobId
    params: Params


@dataclass(frozen=True)
class Notice:
    params: Params


@dataclass(frozen=True)
class Answer:
    """`value` is a dataclass when sent, and plain JSON when received: `read(ANSWERS[type(params)], value)`."""

    id: JobId
    value: Any


@dataclass(frozen=True)
class Failure:
    """`id` is None if the request could not be read."""

    id: JobId | None
    error: ProtocolError


Message = Request | Notice | Answer | Failure


def encode(message: Message) -> bytes:
    """Return one line of ASCII JSON, including its newline."""
    envelope: dict[str, Any] = {"jsonrpc": "2.0"}
    if not isinstance(message, Notice):
        envelope["id"] = message.id
    if isinstance(message, Request | Notice):
        envelope |= {"method": message.params.METHOD, "params": asdict(message.params)}
    elif isinstance(message, Answer):
        envelope["result"] = asdict(message.value)
    else:
        error = message.error
        data = {"kind": error.kind, "cure": error.cure}
        envelope["error"] = {"code": error.kind.code, "message": error.problem, "data": data}
    return json.dumps(envelope, allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Read one line.

    Raises:
        ProtocolError: it is not a message; carries the id if one could be read.
    """
    envelope = _parse(line)
    id = envelope.get("id")
    if id is not None and (isinstance(id, bool) or not isinstance(id, int | str)):
        raise ProtocolError(Kind.INVALID_REQUEST, "The message's id is neither a whole number nor a text.")
    if isinstance(id, str) and len(id) > MAX_ID:
        raise ProtocolError(
            Kind.INVALID_REQUEST, f"The message's id has {len(id)} characters.", f"Use at most {MAX_ID}."
        )
    try:
        return _open(envelope, id)
    except ProtocolError as error:
        error.id = id
        raise
    except RecursionError as error:
        raise ProtocolError(
            Kind.INVALID_REQUEST, "The message is nested too deeply.", "Send plain parameters.", id
        ) from error


MAX_ID = 200
"""Most characters of an id that is a text, because every notice of a job repeats it."""


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise ProtocolError(Kind.PARSE_ERROR, f"The line is longer than {MAX_LINE} bytes.", "Send large data as files.")
    try:
        envelope = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(Kind.PARSE_ERROR, "The line is not JSON.", "Send one JSON object per line.") from error
    if not isinstance(envelope, dict) or envelope.get("jsonrpc") != "2.0":
        raise ProtocolError(Kind.INVALID_REQUEST, "The line is not a JSON-RPC 2.0 object.", "Send one object per line.")
    return envelope


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _open(envelope: dict[str, Any], id: JobId | None) -> Message:
    if "method" in envelope:
        return _open_call(envelope["method"], envelope.get("params", {}), id)
    if "error" in envelope:
        return Failure(id, _read_error(envelope["error"]))
    if "result" in envelope and id is not None:
        return Answer(id, envelope["result"])
    raise ProtocolError(Kind.INVALID_REQUEST, "The message has no method, no result and no error.")


def _open_call(method: Any, params: Any, id: JobId | None) -> Request | Notice:
    known = NOTICES if id is None else REQUESTS
    if not isinstance(method, str) or method not in known:
        names = ", ".join(known)
        what = "notification" if id is None else "method"
        raise ProtocolError(Kind.UNKNOWN_METHOD, f"There is no {what} {method!r:.80}.", f"Use one of {names}.")
    record: Params = read(known[method], params, method)
    return Notice(record) if id is None else Request(id, record)


def _read_error(error: Any) -> ProtocolError:
    try:
        return ProtocolError(Kind(error["data"]["kind"]), str(error["message"]), str(error["data"]["cure"]))
    except (KeyError, TypeError, ValueError):
        return ProtocolError(Kind.INTERNAL, f"The worker sent an error of an unknown form: {error!r:.200}.")


# JSON into dataclasses.


def read(record: type[Record], value: Any, where: str = "answer") -> Record:
    """Build a dataclass of this module from plain JSON, checking every name and type.

    Raises:
        ProtocolError: a field is unknown, missing or of the wrong type; the sentence names it.
    """
    if not isinstance(value, dict):
        raise _unlike(where, "an object", value)
    hints = get_type_hints(record)
    wanted = {item.name: item for item in fields(record)}  # type: ignore[arg-type]
    for name in value:
        if name not in wanted:
            names = ", ".join(wanted) or "none"
            raise ProtocolError(Kind.INVALID_PARAMS, f"{where} has no field {name!r:.80}.", f"Its fields: {names}.")
    for name, item in wanted.items():
        if name not in value and item.default is MISSING and item.default_factory is MISSING:
            raise ProtocolError(Kind.INVALID_PARAMS, f"{where} lacks the field {name!r}.", "Add it.")
    return record(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def read_as(hint: Any, value: Any, where: str) -> Any:
    """Return plain JSON as a value of type `hint`, as `read` reads a field; raises ProtocolError."""
    return _read(hint, value, where)


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _read_union(arguments, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: _read(arguments[1], item, f"{where}.{name}") for name, item in value.items()}
    if origin is not None:
        raise _unlike(where, "a list" if origin is tuple else "an object", value)
    if is_dataclass(hint):
        return read(hint, value, where)  # type: ignore[arg-type]
    return _read_scalar(hint, value, where)


def _read_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in choices:
        return None
    *others, last = [choice for choice in choices if choice is not NoneType]
    for choice in others:
        if choice in SCALARS and isinstance(value, choice):
            return _read(choice, value, where)
    return _read(last, value, where)


SCALARS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _read_scalar(hint: type, value: Any, where: str) -> Any:
    if issubclass(hint, StrEnum):
        if value not in list(hint):
            raise _unlike(where, " or ".join(hint), value)
        return hint(value)
    accepted: Any = (int, float) if hint is float else hint
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise _unlike(where, SCALARS[hint], value)
    if hint is float and not abs(value) < 1e300 or hint is int and not abs(value) < 1 << 63:
        raise _unlike(where, "a smaller number", value)
    if hint is str and not can_be_a_name(value):
        raise _unlike(where, "a text without null characters or lone surrogates", value)
    return float(value) if hint is float else value


def can_be_a_name(text: str) -> bool:
    """Return whether a file can have this name: no null, no surrogate except those that stand for undecodable bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _unlike(where: str, wanted: str, value: Any) -> ProtocolError:
    return ProtocolError(Kind.INVALID_PARAMS, f"{where} is {json.dumps(value):.80}.", f"It must be {wanted}.")
