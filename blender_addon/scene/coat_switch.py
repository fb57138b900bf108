"""Which material each face shows: the colours of the clip, or the artist's own."""

import bpy
import numpy as np

from .attributes import read_all
from .coat_parts import find_dress
from .key_blocks import PROPERTY


def can_switch(object: bpy.types.Object) -> bool:
    """Return whether an object has colours from a clip, and materials of its own to switch to."""
    return len(object.material_slots) > 1 and find_dress(object) is not None and object.mode == "OBJECT"


def is_shown(object: bpy.types.Object) -> bool:
    """Return whether any face shows the colours of a clip."""
    ours = find_dress(object)
    return ours is not None and bool((read_slots(object.data) == ours.slot).any())


def show(object: bpy.types.Object, on: bool) -> None:
    """Show the colours of a clip on all faces, or give every face its former material again."""
    ours = find_dress(object)
    if ours is None:
        return
    slots, names = read_slots(object.data), [slot.name for slot in object.material_slots]
    mark = ours.material[PROPERTY]
    back = _slots_before(mark, names, len(slots))
    if on:
        before = np.where(slots == ours.slot, back, slots)
        mark["before"], mark["names"] = before.tolist(), "\n".join(names)
        slots[:] = ours.slot
    else:
        back[back == ours.slot] = next((number for number in range(len(names)) if number != ours.slot), ours.slot)
        slots = np.where(slots == ours.slot, back, slots)
    write_slots(object.data, slots)


def _slots_before(mark: bpy.types.bpy_struct, names: list[str], faces: int) -> np.ndarray:
    """Return (F,) the slot of each face before the colours were shown.

    Slots that moved since are found by the names of their materials.
    """
    try:
        kept = np.array(mark.get("before", ()), np.int32)
    except (TypeError, ValueError, OverflowError):
        kept = np.empty(0, np.int32)
    if kept.shape != (faces,):
        return np.zeros(faces, np.int32)
    old = str(mark.get("names", "")).split("\n")
    now = np.array(
        [names.index(name) if name in names else min(slot, len(names) - 1) for slot, name in enumerate(old)], np.int32
    )
    return now[kept.clip(0, len(old) - 1)]


def read_slots(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return (F,) int32, the slot of each face."""
    return read_all(mesh.polygons, "material_index", kind=np.int32)


def write_slots(mesh: bpy.types.Mesh, slots: np.ndarray) -> None:
    mesh.polygons.foreach_set("material_index", np.ascontiguousarray(slots, np.int32))
    mesh.update()
