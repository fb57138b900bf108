"""The axes of model space and of an artist's mesh.

Model space, in which the networks work, is right-handed: +Y is up and the subject faces +Z. A mesh in Blender faces
an axis of its own, mostly -Y with Z up; meshes that keep the axes of a glTF or FBX file face +Z with Y up.
"""

import numpy as np

FACINGS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "NEG_Y": ((0, -1, 0), (0, 0, 1)),
    "POS_Y": ((0, 1, 0), (0, 0, 1)),
    "POS_X": ((1, 0, 0), (0, 0, 1)),
    "NEG_X": ((-1, 0, 0), (0, 0, 1)),
    "POS_Z": ((0, 0, 1), (0, 1, 0)),
    "NEG_Z": ((0, 0, -1), (0, 1, 0)),
}
"""The local axis that the subject faces, and the local axis that is up."""


STANDS = 0.9
"""An axis counts as up if the cosine of its angle to the vertical is at least this."""


def rotation(facing: str) -> np.ndarray:
    """Return the (3, 3) float64 matrix R with model = R @ local.

    Its entries are 0, 1 and -1, so R.T is the exact inverse.

    Raises:
        ValueError: `facing` is not in FACINGS.
    """
    if facing not in FACINGS:
        raise ValueError(f"The facing axis is {facing!r}; it must be one of {', '.join(FACINGS)}.")
    front, up = (np.array(axis, np.float64) for axis in FACINGS[facing])
    return np.stack([np.cross(up, front), up, front])


def to_model(local: np.ndarray, facing: str) -> np.ndarray:
    """Return points (..., 3) of a mesh that faces `facing` in model space, in their own dtype."""
    return local @ rotation(facing).T.astype(local.dtype)


def to_local(model: np.ndarray, facing: str) -> np.ndarray:
    """Return points (..., 3) in the axes of a mesh that faces `facing`; the exact inverse of `to_model`."""
    return model @ rotation(facing).astype(model.dtype)


def seen_axes(yaw: float, facing: str) -> np.ndarray:
    """Return (2, 3) float64: the local direction `yaw` degrees around up from where the mesh faces, and local up."""
    angle = np.radians(yaw)
    return to_local(np.array([(np.sin(angle), 0.0, np.cos(angle)), (0.0, 1.0, 0.0)]), facing)


def yaw_between(axis: str, facing: str, shape: np.ndarray | None = None) -> int | None:
    """Return the degrees, 0 to 270, around up from the axis `facing` to `axis`; None if `axis` has another axis up.

    Args:
        shape: (3, 3), for a mesh that is shown in axes other than its own, which `facing` refers to. The nearest of the
            four directions is taken.
    """
    shown = np.eye(3) if shape is None else shape
    front, up = (rotation(facing) @ shown @ np.array(direction, np.float64) for direction in FACINGS[axis])
    if up[1] < STANDS * np.linalg.norm(up):
        return None
    return round(float(np.degrees(np.arctan2(front[0], front[2]))) / 90) * 90 % 360
