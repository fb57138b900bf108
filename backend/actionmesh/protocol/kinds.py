"""The kinds of errors, and an error as it is sent."""

from enum import StrEnum

JobId = int | str


class Kind(StrEnum):
    """The kinds of errors, each with its JSON-RPC number.

    `errors.py` has a class for each kind that a user can cause.
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
    CANNOT_REACH = "cannot_reach", -32012


class ProtocolError(Exception):
    """An error as it is sent: its kind, one sentence on what is wrong, and one on what to do.

    `id` is the id of the request at fault, if it could be read.
    """

    def __init__(self, kind: Kind, problem: str, cure: str = "", id: JobId | None = None):
        super().__init__(f"{problem} {cure}".strip())
        self.kind, self.problem, self.cure, self.id = kind, problem, cure, id
