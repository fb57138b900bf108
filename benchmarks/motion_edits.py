"""Measure how long the operators that edit or bake a motion hold Blender's window, and how long each takes in all.

    python benchmarks/motion_edits.py [--vertices 20000] [--poses 61]

Run it with a Python that has bpy. The mesh is a walking creature. An operator works in slices, and the window is drawn
between them: the longest slice is what an artist could feel. The table shows wall-clock time and processor time, of all
slices and of the longest one; other programs on the same core do not affect the second.
"""

import argparse
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from blender_addon.motion.footing import Limits  # noqa: E402
from blender_addon.motion.result_file import Motion  # noqa: E402
from blender_addon.motion.rig_file import FoundRig  # noqa: E402
from blender_addon.motion.root import Turn  # noqa: E402
from blender_addon.motion.weights import Loop  # noqa: E402
from blender_addon.scene.armatures import bind_armature  # noqa: E402
from blender_addon.scene.key_blocks import pose_keys  # noqa: E402
from blender_addon.scene.motion_edits import lock_feet, make_loop, smooth_motion  # noqa: E402
from blender_addon.scene.options import WriteOptions  # noqa: E402
from blender_addon.scene.own_rig_baking import bake_to_own_rig  # noqa: E402
from blender_addon.scene.root_motion import apply_root_motion, extract_root_motion  # noqa: E402
from blender_addon.scene.shape_keys import write_motion  # noqa: E402
from tests.addon.walk import walk  # noqa: E402

Edit = Callable[[bpy.types.Object], Generator[None, None, Any]]
LEGS, AROUND, BONES = 5, 16, 4
"""Parts of the creature, one of them its body; vertices of a ring; bones of a part."""


def make_walker(vertices: int, poses: int) -> bpy.types.Object:
    """Return a mesh of about `vertices` that walks and slides."""
    steps = walk(poses, 2.3, rings=vertices // (LEGS * AROUND), around=AROUND)
    steps += 0.01 * np.arange(poses, dtype=np.float32)[:, None, None] * np.float32([0, 1, 0])
    index = np.arange(steps.shape[1] - AROUND - 1)
    corners = np.stack([index, index + 1, index + AROUND + 1, index + AROUND], axis=1)
    mesh = bpy.data.meshes.new("Walker")
    mesh.from_pydata(steps[0], [], corners.tolist())
    walker = bpy.data.objects.new("Walker", mesh)
    bpy.context.scene.collection.objects.link(walker)
    upright = steps[:, :, [0, 2, 1]] * np.float32([1, 1, -1])
    faces, times = np.array([[0, 1, 2]], np.int32), np.arange(poses) / 24
    write_motion(walker, Motion(upright, faces, times, 0, np.arange(poses), {}), WriteOptions(start=1, rate=24))
    return walker


def bind(walker: bpy.types.Object) -> None:
    """Give a walker an armature: a chain of bones in its body, and one in each leg that hangs on the body."""
    places = np.array([vertex.co for vertex in walker.data.vertices]).reshape(LEGS, -1, AROUND, 3).mean(axis=2)
    rings = places.shape[1]
    data = bpy.data.armatures.new("Rig")
    armature = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for part, path in enumerate(places):
        ways = path if part == 0 else path[::-1]  # a leg's rings begin at its foot
        ends = ways[np.linspace(0, rings - 1, BONES + 1).astype(int)]
        parent = data.edit_bones.get("0.1")
        for bone in range(BONES):
            made = data.edit_bones.new(f"{part}.{bone}")
            made.head, made.tail, made.parent, made.use_connect = ends[bone], ends[bone + 1], parent, bone > 0
            parent = made
    bpy.ops.object.mode_set(mode="OBJECT")
    for part in range(LEGS):
        along = np.arange(rings) if part == 0 else np.arange(rings)[::-1]
        middles = (along + 0.5) * BONES / rings - 0.5
        for bone in range(BONES):
            group = walker.vertex_groups.new(name=f"{part}.{bone}")
            for ring, weight in enumerate(np.clip(1 - np.abs(np.clip(middles, 0, BONES - 1) - bone), 0, 1)):
                if weight:
                    start = (part * rings + ring) * AROUND
                    group.add(range(start, start + AROUND), float(weight), "REPLACE")
    walker.modifiers.new("Armature", "ARMATURE").object = armature
    bpy.context.view_layer.objects.active = walker


def write_bones(walker: bpy.types.Object) -> Generator[None, None, None]:
    """Write 16 bones that were found, with four weights for each vertex as the backend rounds them, in one slice."""
    vertices, poses, bones = len(walker.data.vertices), len(pose_keys(walker.data.shape_keys)), 16
    rng = np.random.default_rng(0)
    parts = np.sort(rng.integers(1, 1024, (vertices, 3)), axis=1)
    weights = np.diff(parts, axis=1, prepend=0, append=1024) / 1024
    influences = np.argsort(rng.random((vertices, bones)), axis=1)[:, :4].astype(np.int32)
    heads = rng.random((bones, 3))
    names, parents = tuple(f"Bone {number}" for number in range(bones)), np.arange(-1, bones - 1, dtype=np.int32)
    deforms = np.tile(np.eye(4), (poses, bones, 1, 1))
    rig = FoundRig(names, parents, heads, heads + (0, 0, 0.1), influences, weights, deforms)
    bind_armature(walker, rig, np.arange(1.0, poses + 1), Loop.NONE)
    yield


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def measure(work: Generator[None, None, Any]) -> np.ndarray:
    """Return the wall-clock and processor seconds of every slice, (N, 2)."""
    moments, over = [now()], False
    while not over:
        try:
            next(work)
        except StopIteration:
            over = True
        moments.append(now())
    return np.diff(moments, axis=0)


EDITS: dict[str, Edit] = {
    "Smooth Motion": smooth_motion,
    "Make Loop": make_loop,
    "Lock Feet": lambda walker: lock_feet(walker, Limits(slow=1.0)),
    "Extract Root Motion": lambda walker: extract_root_motion(walker, Turn.FULL),
    "Apply Root Motion": apply_root_motion,
    "Bake to Own Armature": bake_to_own_rig,
    "Bake to Armature": write_bones,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=20_000)
    parser.add_argument("--poses", type=int, default=61)
    chosen = parser.parse_args()
    print(f"Blender {bpy.app.version_string}, {chosen.vertices} vertices x {chosen.poses} poses")
    print(f"{'seconds':22}{'clock':>8}{'longest':>9}{'processor':>11}{'longest':>9}")
    walker = None
    for name, edit in EDITS.items():
        if walker is None or name != "Apply Root Motion":
            bpy.ops.wm.read_factory_settings(use_empty=True)
            walker = make_walker(chosen.vertices, chosen.poses)
        if edit == bake_to_own_rig:
            bind(walker)
        spent = measure(edit(walker))
        all_of_it, longest = spent.sum(axis=0), spent.max(axis=0)
        which = f"slice {spent[:, 1].argmax() + 1} of {len(spent)}"
        print(f"{name:22}{all_of_it[0]:8.3f}{longest[0]:9.3f}{all_of_it[1]:11.3f}{longest[1]:9.3f}  ({which})")


if __name__ == "__main__":
    main()
