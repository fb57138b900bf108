"""Messages as lines: JSON-RPC 2.0, one object per line."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from .answers import Animated, CancelAnswer, Done, Downloaded, Initialized, Looked, Removed, Rigged, Tracked
from .job import Animate, Generate, Rematch, Rig
from .kinds import JobId, Kind, ProtocolError
from .looks import Look, Track
from .notices import LogNotice, ProgressNotice
from .reading import read
from .requests import Cancel, Download, Initialize, Params, Ping, RemoveModels, Shutdown, Unload

MAX_LINE = 1 << 20
MAX_ID = 200
"""Most characters of an id that is a text, because every notice of a job repeats it."""

ANSWERS: dict[type[Params], type] = {
    Initialize: Initialized,
    Ping: Done,
    Animate: Animated,
    Generate: Animated,
    Rematch: Animated,
    Look: Looked,
    Track: Tracked,
    Rig: Rigged,
    Download: Downloaded,
    RemoveModels: Removed,
    Cancel: CancelAnswer,
    Unload: Done,
    Shutdown: Done,
}
REQUESTS: dict[str, type[Params]] = {record.METHOD: record for record in ANSWERS}
NOTICES: dict[str, type[Params]] = {record.METHOD: record for record in (ProgressNotice, LogNotice)}


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
