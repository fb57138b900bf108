"""The motion of bones as Blender keys it: each relative to its own rest and to its parent."""

import numpy as np


def bone_channels(rests: np.ndarray, parents: np.ndarray, deforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the locations (B, T, 3) and rotations (B, T, 4), wxyz, that pose bones.

    Neighbouring rotations of a bone lie on the same side of the sphere, so that curves between them take the short way.

    Args:
        rests: (B, 4, 4) of the bones at rest, in the armature's space.
        parents: (B,) int; -1 for none; before their children.
        deforms: (T, B, 4, 4) rigid, what each bone does to the space around it.
    """
    posed = deforms @ rests
    locations = np.empty((len(rests), len(deforms), 3))
    rotations = np.empty((len(rests), len(deforms), 4))
    for bone, parent in enumerate(parents):
        own = np.linalg.inv(rests[bone]) @ (posed[:, bone] if parent < 0 else _beside(rests, posed, bone, parent))
        locations[bone] = own[:, :3, 3]
        rotations[bone] = continuous(quaternions(own[:, :3, :3]))
    return locations, rotations


def _beside(rests: np.ndarray, posed: np.ndarray, bone: int, parent: int) -> np.ndarray:
    """Return the bone's matrices (T, 4, 4) with the parent's motion taken back."""
    return rests[parent] @ np.linalg.inv(posed[:, parent]) @ posed[:, bone]


def quaternions(turns: np.ndarray) -> np.ndarray:
    """Return unit quaternions (N, 4), wxyz, of rotations (N, 3, 3), by Bar-Itzhack's method (2000).

    A quaternion is the eigenvector of the largest eigenvalue of a symmetric matrix, which also makes the best of a
    matrix that is not exactly a rotation.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(turns, 0, -1)
    wanted = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    found: np.ndarray = np.linalg.eigh(np.moveaxis(wanted, -1, 0))[1][:, :, 3]
    return found


def continuous(rotations: np.ndarray) -> np.ndarray:
    """Return quaternions (T, 4) with signs such that the first has a positive w and each is near the one before."""
    rotations = rotations * np.where(rotations[:1, :1] < 0, -1, 1)
    flips = np.cumprod(np.where((rotations[1:] * rotations[:-1]).sum(axis=1) < 0, -1, 1))
    return np.concatenate([rotations[:1], rotations[1:] * flips[:, None]])
