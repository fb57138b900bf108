"""The armature that already moves an artist's mesh: found, checked, and described bone by bone.

Whatever poses a bone besides its own channels, or bends vertices in another way than by their weights, is refused with
a sentence: bones that were found without regard to it would look wrong.
"""

from dataclasses import dataclass
from enum import StrEnum

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.joints import Joints
from .key_blocks import pose_keys
from .key_motion import animated_key
from .nla_tracks import check_changeable
from .playback import active_record

LIMITS = {"LIMIT_ROTATION", "LIMIT_LOCATION", "LIMIT_SCALE"}
CHANNELS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
WITHOUT_AXES = {"QUATERNION", "AXIS_ANGLE"}
BAKE_POSE = "Bake the bone's pose with Pose > Animation > Bake Action, and clear its constraints."


class Moving(StrEnum):
    """Which bones may change their location: those that hang on no other weighted bone, or all that are free to."""

    TOPMOST = "TOPMOST"
    ALL = "ALL"


@dataclass(frozen=True)
class OwnRig:
    """An armature, and the animated meshes that it moves.

    Args:
        meshes: at least one; each has one Armature modifier.
        modifiers: their names.
    """

    armature: bpy.types.Object
    meshes: tuple[bpy.types.Object, ...]
    modifiers: tuple[str, ...]


def armature_of(object: bpy.types.Object) -> bpy.types.Object | None:
    """Return the armature of a mesh's first visible Armature modifier, or None."""
    found = _modifiers(object)
    return found[0].object if found else None


def find_own_rig(object: bpy.types.Object) -> OwnRig:
    """Return the armature that moves a mesh, with all other animated meshes that it moves.

    Raises:
        ArtistError: there is none, its meshes or bones move in a way that weights and channels do not describe, or it
            cannot be keyed.
    """
    armature = armature_of(object)
    if armature is None:
        problem = f"{object.name} has no visible Armature modifier with an armature."
        raise ArtistError(problem, "Bind it to an armature, or use Bake to Armature.", "actionmesh.bake_armature")
    _check_armature(armature)
    others = [other for other in bpy.context.scene.objects if other != object and _moves_too(other, armature)]
    meshes = (object, *others)
    return OwnRig(armature, meshes, tuple(_checked_modifier(mesh, armature).name for mesh in meshes))


def _modifiers(object: bpy.types.Object) -> list[bpy.types.ArmatureModifier]:
    return [
        modifier
        for modifier in getattr(object, "modifiers", ())
        if modifier.type == "ARMATURE" and modifier.show_viewport and modifier.object is not None
    ]


def _moves_too(other: bpy.types.Object, armature: bpy.types.Object) -> bool:
    key = getattr(other.data, "shape_keys", None)
    if active_record(key) is None or all(block.mute for block in pose_keys(key)):
        return False
    return any(modifier.object == armature for modifier in _modifiers(other))


def _checked_modifier(mesh: bpy.types.Object, armature: bpy.types.Object) -> bpy.types.ArmatureModifier:
    name, found = mesh.name, _modifiers(mesh)
    key, _record = animated_key(mesh)
    check_changeable(mesh, key)
    if all(block.mute for block in pose_keys(key)):
        cure = "Unmute them; if they were baked, give the armature its earlier action back first."
        raise ArtistError(f"The ActionMesh shape keys of {name} are muted: there is no motion to bake.", cure)
    if len(found) > 1 or found[0].use_multi_modifier:
        raise ArtistError(f"{name} has several Armature modifiers.", "Apply or hide all but one.")
    modifier = found[0]
    if modifier.use_deform_preserve_volume:
        problem = f"The Armature modifier of {name} preserves volume, which weights alone do not describe."
        raise ArtistError(problem, "Turn off Preserve Volume.")
    if modifier.use_bone_envelopes or not modifier.use_vertex_groups:
        problem = f"The Armature modifier of {name} uses bone envelopes."
        raise ArtistError(problem, "Bind it to vertex groups, and turn off Bone Envelopes.")
    if mesh.parent_type == "ARMATURE":
        problem = f"{name} is also deformed by its parent."
        raise ArtistError(problem, "Set the type of its parent to Object.")
    if mesh.parent_type == "BONE" and mesh.parent == armature:
        problem = f"{name} hangs on the bone {mesh.parent_bone!r} of the armature that also deforms it."
        raise ArtistError(problem, "Set the type of its parent to Object.")
    return modifier


def _check_armature(armature: bpy.types.Object) -> None:
    name, animation = armature.name, armature.animation_data
    if armature.library is not None:
        problem = f"The armature {name} is linked from {armature.library.filepath}."
        raise ArtistError(problem, "Make it local.", "object.make_local")
    if armature.override_library is not None:
        raise ArtistError(f"The armature {name} is a library override.", "Make it local.", "object.make_local")
    if armature.mode != "OBJECT":
        raise ArtistError(f"The armature {name} is being edited.", "Leave its mode first.", "object.mode_set")
    if armature.data.pose_position == "REST":
        raise ArtistError(f"The armature {name} shows its rest position.", "Set it to Pose Position.")
    if abs(armature.matrix_world.determinant()) < 1e-12:
        raise ArtistError(f"{name} is scaled flat.", "Give it a scale in all directions.")
    if animation is not None and (animation.action_blend_type != "REPLACE" or animation.action_influence < 1):
        problem = f"The action of {name} is blended with its NLA strips."
        raise ArtistError(problem, "Set its blending to Replace and its influence to 1.")


def joints_of(
    armature: bpy.types.Object, weighted: set[str], moving: Moving = Moving.TOPMOST, scaling: bool = False
) -> Joints:
    """Describe the bones that weights name, and those on which they hang; the latter keep their pose.

    Raises:
        ArtistError: something besides its channels poses such a bone, or its vertices.
    """
    chosen = {bone.name for bone in armature.data.bones if bone.name in weighted and bone.use_deform}
    needed = {above.name for name in chosen for above in armature.data.bones[name].parent_recursive} | chosen
    bones = sorted(
        (bone for bone in armature.data.bones if bone.name in needed), key=lambda bone: len(bone.parent_recursive)
    )
    index = {bone.name: number for number, bone in enumerate(bones)}
    free, low = np.zeros((len(bones), 9), bool), np.full((len(bones), 9), -np.inf)
    high, orders = -low, []
    for number, bone in enumerate(bones):
        posed, solved = armature.pose.bones[bone.name], bone.name in chosen
        _check_bone(armature, bone, solved, scaling)
        orders.append(_limit(armature, posed, low[number], high[number]))
        if solved:
            above = any(parent.name in chosen for parent in bone.parent_recursive)
            free[number] = _free(armature, posed, moving == Moving.ALL or not above, scaling)
    orders = [order if free[number, 3:6].any() else "" for number, order in enumerate(orders)]
    return Joints(
        tuple(index),
        np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones], np.int64),
        np.array([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4),
        tuple(orders),
        free,
        low,
        high,
    )


def _check_bone(armature: bpy.types.Object, bone: bpy.types.Bone, solved: bool, scaling: bool) -> None:
    told = f"The bone {bone.name!r} of {armature.name}"
    if bone.parent is not None and not bone.use_inherit_rotation:
        raise ArtistError(f"{told} does not inherit its parent's rotation.", "Turn on Inherit Rotation.")
    if bone.parent is not None and scaling and bone.inherit_scale != "FULL":
        raise ArtistError(f"{told} does not inherit its parent's scale in full.", "Bake without scale.")
    if bone.parent is not None and not bone.use_connect and not bone.use_local_location:
        raise ArtistError(f"{told} moves along its parent's axes.", "Turn on Local Location.")
    if solved and bone.bbone_segments > 1:
        raise ArtistError(f"{told} bends: it has {bone.bbone_segments} segments.", "Set its segments to 1.")
    if solved and bone.use_envelope_multiply:
        raise ArtistError(f"{told} multiplies weights by its envelope.", "Turn off Multiply Vertex Groups.")
    for constraint in armature.pose.bones[bone.name].constraints:
        if constraint.mute or not constraint.influence or not constraint.is_valid:
            continue
        if constraint.type not in LIMITS or constraint.owner_space != "LOCAL" or constraint.influence < 1:
            raise ArtistError(f"The constraint {constraint.name!r} poses the bone {bone.name!r}.", BAKE_POSE)
    start = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
    drivers = armature.animation_data.drivers if armature.animation_data is not None else ()
    if any(driver.data_path in {start + channel for channel in CHANNELS} for driver in drivers):
        raise ArtistError(f"{told} has drivers.", "Remove them first, or bake its pose.")


def _free(armature: bpy.types.Object, posed: bpy.types.PoseBone, moves: bool, scales: bool) -> list[bool]:
    """Return the nine channels of a weighted bone that may change."""
    turns = _turns(armature, posed)
    moves = moves and not (posed.bone.use_connect and posed.bone.parent is not None)
    return [
        *(moves and not lock for lock in posed.lock_location),
        *turns,
        *(scales and not lock for lock in posed.lock_scale),
    ]


def _turns(armature: bpy.types.Object, posed: bpy.types.PoseBone) -> list[bool]:
    """Return around which axes a bone may turn.

    Locks on the components of a quaternion are locks on axes if they leave a turn around one axis only.
    """
    locks = list(posed.lock_rotation)
    if not _by_component(posed) or not any([*locks, posed.lock_rotation_w]):
        return [not lock for lock in locks]
    around_one = sum(locks) == 2 and not any(posed.rotation_quaternion[axis + 1] for axis in range(3) if locks[axis])
    if posed.rotation_mode == "QUATERNION" and (all(locks) or (around_one and not posed.lock_rotation_w)):
        return [not lock for lock in locks]
    if not all([*locks, posed.lock_rotation_w]):
        problem = f"The bone {posed.name!r} of {armature.name} has single components of its rotation locked."
        raise ArtistError(problem, "Turn off its lock 4L, or lock all four.")
    return [False] * 3


def _by_component(posed: bpy.types.PoseBone) -> bool:
    return posed.rotation_mode in WITHOUT_AXES and posed.lock_rotations_4d


def _limit(armature: bpy.types.Object, posed: bpy.types.PoseBone, low: np.ndarray, high: np.ndarray) -> str:
    """Write a bone's limits into rows of nine, and return the order of its Euler angles; empty if it turns freely."""
    own = "XYZ" if posed.rotation_mode in WITHOUT_AXES else posed.rotation_mode
    order = own if any(posed.lock_rotation) else ""
    for channel, axis in enumerate("xyz", 3):
        if getattr(posed, f"use_ik_limit_{axis}"):
            order = own
            low[channel], high[channel] = getattr(posed, f"ik_min_{axis}"), getattr(posed, f"ik_max_{axis}")
    for constraint in posed.constraints:
        if constraint.mute or not constraint.influence or constraint.type not in LIMITS:
            continue
        if constraint.type != "LIMIT_ROTATION":
            _narrow(constraint, low, high, 0 if constraint.type == "LIMIT_LOCATION" else 6)
            continue
        theirs = str(getattr(constraint, "euler_order", "AUTO")).replace("AUTO", own)
        if order and theirs != own:
            problem = f"The constraint {constraint.name!r} of the bone {posed.name!r} has another order of axes."
            raise ArtistError(problem, "Set its order to Default.")
        order = theirs
        for channel, axis in enumerate("xyz", 3):
            if getattr(constraint, f"use_limit_{axis}"):
                low[channel] = max(low[channel], getattr(constraint, f"min_{axis}"))
                high[channel] = min(high[channel], getattr(constraint, f"max_{axis}"))
        middle = 3 + "XYZ".index(order[1])  # the constraint sees an arcsine
        low[middle], high[middle] = max(low[middle], -np.pi / 2), min(high[middle], np.pi / 2)
    np.minimum(low, high, out=low)
    return order


def _narrow(constraint: bpy.types.Constraint, low: np.ndarray, high: np.ndarray, first: int) -> None:
    for channel, axis in enumerate("xyz", first):
        if getattr(constraint, f"use_min_{axis}"):
            low[channel] = max(low[channel], getattr(constraint, f"min_{axis}"))
        if getattr(constraint, f"use_max_{axis}"):
            high[channel] = min(high[channel], getattr(constraint, f"max_{axis}"))
