"""Convert records that an earlier version of the add-on wrote.

Protocol 2 had `keep_reference_pose`, true or false, in a job's request and again in its `writing`, and had no match,
facing or shape; a reference frame 0 was one that nobody had chosen. When run again, such a job gives the same result as
before.
"""

from typing import Any

from ..process.backend_locator import protocol

KEPT = "keep_reference_pose"
POSES = {None: None, True: protocol.ReferencePose.CORRECTED, False: protocol.ReferencePose.DECODED}


def todays_request(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a request as JSON in today's form; raise KeyError or TypeError if its old field is invalid."""
    if KEPT not in plain:
        return plain
    without = {"match": protocol.Match.OFF, "facing": protocol.Facing.FRONT, "shape": protocol.Shape.NETWORK}
    others = {name: value for name, value in plain.items() if name != KEPT and (name, value) != ("anchor", 0)}
    return {**without, "reference_pose": POSES[plain[KEPT]], **others}


def todays_writing(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a job's `writing` in today's form: today, only the request has the reference pose."""
    return {name: value for name, value in plain.items() if name != KEPT}
