"""From an animated mesh to an armature: what the backend is asked, and what becomes of its answer.

The answer may come much later, when the artist has gone on: the mesh is found again by its fingerprint.
"""

import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError, TargetChanged
from ..jobs.folder import cannot_write
from ..motion.rig_file import load_rig, save_poses
from ..process.backend_locator import protocol
from ..scene.armatures import Bound, bind_armature
from ..scene.key_motion import read_key_motion
from ..scene.meshes import read_triangles
from ..scene.targets import check_target, find_target, fingerprint
from ..session import bone_search, selection

POSES_FILE, RIG_FILE = "poses.safetensors", "rig.safetensors"


@dataclass(frozen=True)
class BakedBones:
    """What a bake to an armature made.

    Args:
        bones: how many.
        error, worst: root mean square and maximum of the vertices' distances from the shape keys' motion, in percent of
            the diagonal of the surface's box.
        wanted: the greatest error that was asked for, in percent; None if a number of bones was.
    """

    bound: Bound
    bones: int
    error: float
    worst: float
    wanted: float | None = None

    @property
    def told(self) -> str:
        name = self.bound.mesh.name
        return f"{name}: {self.bones} bones, error {self.error:.2g}% of the size, {self.worst:.2g}% at most."

    @property
    def shortfall(self) -> str:
        """A sentence if the error that was asked for was not reached, else empty."""
        if self.wanted is None or self.error <= self.wanted * 1.005:
            return ""
        return f"An error of {self.wanted:.2g}% was not reached with {self.bones} bones."


def begin(object: bpy.types.Object, bones: int | None, error: float | None, then: Callable[[BakedBones], None]) -> None:
    """Ask the backend for bones that move a mesh as its shape keys do; the armature appears when they are found.

    Args:
        bones: how many; with `error`, the most, or None.
        error: the greatest error, in percent of the mesh's diagonal.
        then: called when the armature is in the scene.
    Raises:
        ArtistError: the object has no ActionMesh animation, or cannot be worked on now; no backend can be started.
    """
    check_target(object)
    if bpy.context.mode != "OBJECT":
        raise ArtistError("Bones can be made in Object Mode only.", "Leave the other mode first.", "object.mode_set")
    motion = read_key_motion(object)
    moves = motion.displacements
    if motion.record.playback.strength != 1:
        moves = np.float32(motion.record.playback.strength) * moves
    facing, mark = motion.record.facing, fingerprint(object)
    frames, loop = motion.record.frames, motion.record.playback.loop
    folder = Path(tempfile.mkdtemp(prefix="actionmesh-"))

    def deliver(answer: protocol.Rigged) -> None:
        target = _found_again(mark)
        rig = load_rig(folder / RIG_FILE, facing)
        bound = bind_armature(target, rig, frames, loop)
        selection.present(bpy.context, bound.armature)
        baked = BakedBones(bound, len(rig.names), answer.error * with_rest, answer.worst, error)
        then(baked)
        selection.undo_step("ActionMesh: Bake to Armature")

    with_rest = math.sqrt((len(moves) + 1) / len(moves))  # the backend also counts the rest, where nothing is wrong
    request = protocol.Rig(
        str(folder / POSES_FILE),
        (str(folder / RIG_FILE),),
        bones=bones,
        error=None if error is None else error / with_rest,
    )
    try:
        _save(folder / POSES_FILE, motion.basis, read_triangles(object.data), moves, facing)
        bone_search.begin(request, folder, deliver)
    except ArtistError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _found_again(mark: dict[str, Any]) -> bpy.types.Object:
    try:
        return find_target(mark)
    except TargetChanged as error:
        raise TargetChanged(error.problem, "Bake to Armature again.") from error


def _save(path: Path, basis: np.ndarray, triangles: np.ndarray, moves: np.ndarray, facing: str) -> None:
    try:
        save_poses(path, basis, triangles, moves, facing)
    except OSError as error:
        raise cannot_write(path, error) from error
