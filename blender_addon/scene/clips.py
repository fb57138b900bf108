"""The animations in an imported file: glTF's animations, FBX's takes, Blender's actions, also those of shape keys.

An animation may move several owners: objects, shape keys, data. Importers leave one action per owner (Blender 4.2, 4.3)
or one slot of a common action (from 4.4). The names of NLA tracks or of actions say which of them belong together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from .fcurves import SLOTTED, assign, curves_of, slot_of
from .rest_track import is_rest

WHOLE = ""
"""The name of motion without any action: caches, constraints, drivers."""
CACHES = {"MESH_SEQUENCE_CACHE", "MESH_CACHE"}
NO_BODY = {"CAMERA", "LIGHT", "LIGHT_PROBE", "SPEAKER"}
PREFIXES = {"OBJECT": "OB", "KEY": "KE", "MESH": "ME", "ARMATURE": "AR", "CURVE": "CU"}
"""Kinds of owners, as slots name them, and the prefixes of their identifiers."""


@dataclass(frozen=True)
class Part:
    """What one owner plays in a clip; `slot` is None before Blender 4.4."""

    owner: bpy.types.ID
    action: bpy.types.Action
    slot: Any = None


@dataclass(frozen=True)
class Clip:
    """One animation of the open file; it is invalid once the file is closed.

    Args:
        name: as in the file, without the names of its owners.
        span: first and last frame.
    """

    name: str
    span: tuple[float, float]
    parts: tuple[Part, ...] = ()


def clips_of_file() -> list[Clip]:
    """Return the open file's animations, at least one: first all that plays now, then the others by name."""
    groups: dict[str, dict[bpy.types.ID, Part]] = {}
    for name, part in _named_parts():
        while part.owner in groups.get(name, ()):
            name += "+"
        groups.setdefault(name, {})[part.owner] = part
    playing = [part for part in map(_part_of, owners()) if part is not None]
    named = {name: list(parts.values()) for name, parts in groups.items()}
    first = next((name for name, parts in named.items() if any(part in playing for part in parts)), WHOLE)
    others = {name: parts for name, parts in named.items() if any(part not in playing for part in parts)}
    found = {**({first: playing} if playing or not others else {}), **{n: p for n, p in others.items() if n != first}}
    return [Clip(name, _span(parts), tuple(parts)) for name, parts in found.items()]


def play(clip: Clip) -> None:
    """Make all owners play their part of a clip and nothing else; bones that it does not move go to rest."""
    before = {owner: _part_of(owner) for owner in owners() if owner.animation_data}
    wanted = {part.owner: part for part in clip.parts}
    for owner in dict.fromkeys([*before, *wanted]):
        part, playing = wanted.get(owner), before.get(owner)
        if part is not None and playing is not None and part.action == playing.action and part.slot == playing.slot:
            continue
        if playing is not None:
            _forget(owner, {curve.data_path for curve in curves_of(playing.action, playing.slot)})
        animation = owner.animation_data or owner.animation_data_create()
        for track in tuple(animation.nla_tracks):
            animation.nla_tracks.remove(track)
        assign(animation, part and part.action, part.slot.identifier if part and part.slot else None)


def owners() -> Iterator[bpy.types.ID]:
    """Yield everything that may move a shape."""
    yield from (item for item in bpy.data.objects if item.type not in NO_BODY)
    for kind in (bpy.data.shape_keys, bpy.data.meshes, bpy.data.armatures, bpy.data.curves):
        yield from kind


def _named_parts() -> Iterator[tuple[str, Part]]:
    """Yield every part with its clip's name: those in NLA tracks, in the file's order, then all other actions."""
    names = {owner.name for owner in owners()}
    in_tracks = set()
    for owner in owners():
        for track in reversed(owner.animation_data.nla_tracks if owner.animation_data else ()):
            for strip in track.strips:
                if strip.action is not None and not is_rest(strip):
                    in_tracks.add((owner, strip.action))
                    yield _without_owners(track.name, names), Part(owner, strip.action, slot_of(strip))
                    break
    for action in bpy.data.actions:
        for owner, slot in _targets(action):
            if (owner, action) not in in_tracks:
                yield _without_owners(action.name, names), Part(owner, action, slot)


def _without_owners(name: str, names: set[str]) -> str:
    """Return an action's name without its owners' names.

    FBX importers write "Armature|Walk", and files from Blender "Armature|Armature|Walk".
    """
    parts = [part for part in name.split("|") if part and part not in names]
    return "|".join(dict.fromkeys(parts)) or name


def _targets(action: bpy.types.Action) -> Iterator[tuple[bpy.types.ID, Any]]:
    """Yield the owners that an action moves: those that play it, or else those named by its slots or its own name."""
    if SLOTTED:
        for slot in action.slots:
            players = [owner for owner in owners() if owner in slot.users()]
            yield from ((owner, slot) for owner in players or _named(slot.identifier))
        return
    players = [owner for owner in owners() if owner.animation_data and owner.animation_data.action == action]
    yield from ((owner, None) for owner in players or _prefixed(action))


def _named(identifier: str) -> list[bpy.types.ID]:
    return [owner for owner in owners() if PREFIXES.get(owner.id_type, "") + owner.name == identifier]


def _prefixed(action: bpy.types.Action) -> list[bpy.types.ID]:
    """Return the owner whose name an action's name begins with; shape keys for curves of shape keys."""
    of_keys = any(curve.data_path.startswith("key_blocks") for curve in action.fcurves)
    called = (owner for owner in owners() if action.name.startswith(f"{owner.name}|"))
    return [owner for owner in called if isinstance(owner, bpy.types.Key) == of_keys][:1]


def _part_of(owner: bpy.types.ID) -> Part | None:
    """Return what an owner plays."""
    animation = owner.animation_data
    return Part(owner, animation.action, slot_of(animation)) if animation and animation.action else None


def _forget(owner: bpy.types.ID, paths: set[str]) -> None:
    """Put bones and shape keys at rest that nothing moves any more: they keep the last value that was played."""
    if isinstance(owner, bpy.types.Key):
        for block in owner.key_blocks:
            if block.path_from_id("value") in paths:
                block.value = 0.0
    elif isinstance(owner, bpy.types.Object) and owner.pose:
        for bone in owner.pose.bones:
            if any(path.startswith(bone.path_from_id()) for path in paths):
                bone.matrix_basis.identity()


def _span(parts: list[Part]) -> tuple[float, float]:
    """Return the span of a clip's actions, and of the scene if it has caches: importers set its range to theirs."""
    scene, ranges = bpy.context.scene, [tuple(part.action.frame_range) for part in parts]
    if _has_caches(scene):
        ranges.append((float(scene.frame_start), float(scene.frame_end)))
    if not ranges:
        return float(scene.frame_start), float(scene.frame_start)
    return min(start for start, _ in ranges), max(end for _, end in ranges)


def _has_caches(scene: bpy.types.Scene) -> bool:
    return any(
        any(modifier.type in CACHES for modifier in item.modifiers)
        or any(constraint.type == "TRANSFORM_CACHE" for constraint in item.constraints)
        for item in scene.objects
    )
