"""Records that an earlier version of the add-on wrote, in today's words.

Protocol 2 had `keep_reference_pose`, true or false, in the request of a job and once more in what was to be written, and
knew neither match nor facing nor shape: run again, such a job gives what it gave then.
"""

from typing import Any

from ..backend_files import protocol

KEPT = "keep_reference_pose"
POSES = {None: None, True: protocol.ReferencePose.CORRECTED, False: protocol.ReferencePose.DECODED}


def todays_request(plain: dict[str, Any]) -> dict[str, Any]:
    """A request as JSON; raises KeyError or TypeError if what an earlier version kept in it makes no sense."""
    if KEPT not in plain:
        return plain
    without = {"match": protocol.Match.OFF, "facing": protocol.Facing.FRONT, "shape": protocol.Shape.NETWORK}
    others = {name: value for name, value in plain.items() if name != KEPT}
    return {**without, "reference_pose": POSES[plain[KEPT]], **others}


def todays_writing(plain: dict[str, Any]) -> dict[str, Any]:
    """What is to be written; the request alone says today how the mesh stands at the reference frame."""
    return {name: value for name, value in plain.items() if name != KEPT}
