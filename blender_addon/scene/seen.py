"""The artist's mesh as the viewport shows it, for the model: after shape keys and modifiers, with its world shape.

How the result's motion comes back onto the modelled mesh is measured at the same time, see `measuring_back`.
"""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..errors import TargetError
from ..motion.axes import to_model
from ..motion.carrying import Carry, save_carry
from ..motion.ply import Corners, write_ply
from ..motion.world_shape import is_plain, outward, shape_of
from .key_blocks import other_keys
from .measuring_back import APPLY, measure_back
from .meshes import read_corners
from .stand_in import Drawn, drawn_mesh, probe, read_places

CARRY_FILE = "carry.npz"
SIMULATED = {"CLOTH", "SOFT_BODY", "FLUID", "EXPLODE"}
SAME = 1e-3
"""Share of the size by which a stand-in may be drawn away from its object."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An object as the viewport showed it.

    Args:
        object: the object, which was not changed.
        carry: what was shown, and the map back; None if it is the mesh as it is modelled.
        triangles: (F, 3), of what was shown; None if it is the mesh as it is modelled.
        corners: of what was shown, as `triangles`.
    """

    object: bpy.types.Object
    carry: Carry | None = None
    triangles: np.ndarray | None = None
    corners: Corners | None = None

    def save(self, facing: str, path: Path, with_corners: bool = False) -> None:
        """Write what was shown as a PLY file in model space, and the map back next to it.

        `carry` must not be None.

        Raises:
            OSError: a file cannot be written.
        """
        assert self.carry is not None and self.triangles is not None
        corners = self.corners if with_corners else None
        write_ply(path, to_model(self.carry.shown, facing), self.triangles, corners)
        save_carry(path.with_name(CARRY_FILE), self.carry)


def see(object: bpy.types.Object, upright: bool) -> Seen:
    """Look at an object as the viewport shows it now.

    Args:
        upright: whether up in the world is up for the model; otherwise the mesh's own axes count, see
            `world_shape.shape_of`.
    Raises:
        TargetError: it is flat, shows no faces, or shape keys could not move what it shows.
    """
    bpy.context.view_layer.update()
    shape = _shape(object, upright)
    _refuse_simulations(object)
    _refuse_pinned(object)
    if is_plain(shape) and not modifiers_of(object) and not _mixes(object):
        return Seen(object)
    with probe(object) as stand_in:
        drawn = stand_in.draw(stand_in.mixed)
        _check_drawn(object, drawn)
        carry = measure_back(object.name, stand_in, drawn, shape, modifiers_of(object))
        with stand_in.mesh(stand_in.mixed) as mesh:
            corners = read_corners(mesh)
    triangles = drawn.triangles
    if np.linalg.det(shape) < 0:
        triangles = outward(carry.shown, triangles)
    if not np.array_equal(triangles, drawn.triangles):
        corners = Corners(corners.polygon, None if corners.uv is None else corners.uv[:, ::-1].copy())
    return Seen(object, carry, triangles, corners)


def modifiers_of(object: bpy.types.Object) -> tuple[str, ...]:
    """Return the names of the modifiers that the viewport shows."""
    return tuple(modifier.name for modifier in object.modifiers if modifier.show_viewport)


def _shape(object: bpy.types.Object, upright: bool) -> np.ndarray:
    try:
        return shape_of(np.array(object.matrix_world, np.float64)[:3, :3], upright)
    except ValueError as error:
        cure = "Give it and its parents a scale above 0 along all axes."
        raise TargetError(f"{object.name} has no usable shape: {error}.", cure) from error


def _mixes(object: bpy.types.Object) -> bool:
    """Return whether the artist's shape keys change the mesh from its basis."""
    key = object.data.shape_keys
    return key is not None and any(block.value != 0 and not block.mute for block in other_keys(key))


def _refuse_simulations(object: bpy.types.Object) -> None:
    for modifier in object.modifiers:
        if modifier.type in SIMULATED and modifier.show_viewport:
            problem = f"{object.name} is moved by the simulation {modifier.name!r}, which would move it again on top."
            raise TargetError(problem, "Hide that modifier in the viewport, or animate a copy with its shape.", APPLY)


def _refuse_pinned(object: bpy.types.Object) -> None:
    """Raise TargetError if a pinned key hides the others.

    A pinned key is shown alone, but with the animation all keys are shown, so the mesh would look different from what
    the model saw.
    """
    key, pinned = object.data.shape_keys, object.active_shape_key
    own = other_keys(key)
    if not object.show_only_shape_key or pinned is None or pinned not in (*own, key.reference_key):
        return
    mixed = {block.name for block in own if block.value != 0 and not block.mute}
    alone = mixed == {pinned.name} and pinned.value == 1 if pinned in own else not mixed
    if not alone:
        problem = f"{object.name} shows only its shape key {pinned.name!r}, which is pinned."
        raise TargetError(problem, "Unpin it, and give all keys the values that they should have.")


def _check_drawn(object: bpy.types.Object, drawn: Drawn) -> None:
    """Raise TargetError if there is nothing to see, or if the stand-in looks different from its object.

    A simulation in nodes, for one, runs only in the object itself.
    """
    if not len(drawn.triangles):
        problem = f"{object.name} shows no faces of a mesh after its modifiers."
        raise TargetError(problem, "Hide the modifiers that remove them in the viewport.")
    if not np.isfinite(drawn.vertices).all():
        raise TargetError(
            f"After its modifiers {object.name} has vertices that are not finite (NaN).", "Fix its modifiers."
        )
    size = float(np.ptp(drawn.vertices[np.unique(drawn.triangles)].astype(np.float64), axis=0).max())
    if size == 0:
        raise TargetError(f"After its modifiers all vertices of {object.name} are at one point.", "Fix its modifiers.")
    there = _drawn_itself(object)
    if there is None or there.shape != drawn.vertices.shape:
        return
    if np.abs(there - drawn.vertices).max() > SAME * size:
        problem = f"The look of {object.name} does not come from its mesh and modifiers alone."
        raise TargetError(problem, "Animate a copy with its shape.", APPLY)


def _drawn_itself(object: bpy.types.Object) -> np.ndarray | None:
    """Return the (N, 3) vertices drawn of the object; None if they are expected to differ from its stand-in's."""
    key = object.data.shape_keys
    ours = key is not None and len(other_keys(key)) + 1 < len(key.key_blocks)
    if (
        ours
        or object.show_only_shape_key
        or not object.evaluated_get(bpy.context.evaluated_depsgraph_get()).is_evaluated
    ):
        return None
    with drawn_mesh(object) as mesh:
        return read_places(mesh)
