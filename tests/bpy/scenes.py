"""Objects, motions and measures that the tests share."""

import math

import bpy
import numpy as np

from blender_addon.motion.axes import to_model
from blender_addon.motion.result_file import Motion
from blender_addon.scene.meshes import read_rest_pose


def link(data, name="Subject"):
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def patchwork(name="Subject"):
    """Return a quad, a triangle, a concave pentagon and a loose vertex: 9 vertices that share edges."""
    vertices = [
        (0, 0, 0),
        (1, 0, 0.1),
        (1, 1, 0),
        (0, 1, 0.2),
        (2, 0.5, 0),
        (-1, 0, 0),
        (-0.5, 0.5, 0.3),
        (-1, 1, 0),
        (5, 5, 5),
    ]
    faces = [(0, 1, 2, 3), (1, 4, 2), (5, 0, 3, 7, 6)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    return link(mesh, name)


def cloud(count, name="Cloud"):
    """Return very many vertices, of which three have a face."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(count)
    mesh.vertices.foreach_set("co", np.random.default_rng(0).random(3 * count, np.float32))
    mesh.loops.add(3)
    mesh.loops.foreach_set("vertex_index", [0, 1, 2])
    mesh.polygons.add(1)
    mesh.update(calc_edges=True)
    return link(mesh, name)


def dance(target, facing="NEG_Y", poses=5, reference=2, rate=24.0, residual=0.01, seed=0):
    """Return a motion for an object: smooth random paths.

    Its reference pose misses the rest pose by `residual` of the size.
    """
    rest = read_rest_pose(target)
    rng, size = np.random.default_rng(seed), rest.size
    paths = np.cumsum(rng.normal(size=(poses, *rest.vertices.shape)), axis=0) * 0.1 * size
    local = rest.vertices + paths - paths[reference] + rng.normal(size=rest.vertices.shape) * residual * size
    vertices = to_model(local, facing).astype(np.float32)
    provenance = {"clip": "dance.mp4", "mesh": None}
    return Motion(vertices, rest.triangles, np.arange(poses) / rate, reference, np.arange(poses), provenance)


def expected(motion, basis, facing="NEG_Y", strength=1.0):
    """Return where the vertices belong in each pose, (T, V, 3) float64, by definition and without the tested code."""
    local = np.array([turned(pose, facing) for pose in motion.vertices.astype(np.float64)])
    return basis + strength * (local - local[motion.reference_frame])


def turned(points, facing):
    """Turn model space into local space, written out for each facing."""
    x, y, z = points.T
    local = {
        "NEG_Y": (x, -z, y),
        "POS_Y": (-x, z, y),
        "POS_X": (z, x, y),
        "NEG_X": (-z, -x, y),
        "POS_Z": (x, y, z),
        "NEG_Z": (-x, y, -z),
    }
    return np.stack(local[facing], axis=1)


def between(poses, place):
    """Return the pose at a position such as 2.5, halfway from pose 2 to pose 3."""
    low = min(int(math.floor(place)), len(poses) - 1)
    high = min(low + 1, len(poses) - 1)
    return poses[low] + (place - low) * (poses[high] - poses[low])


def go_to(frame):
    whole = math.floor(frame)
    bpy.context.scene.frame_set(whole, subframe=frame - whole)


def evaluated(target, frame=None):
    """Return the local vertices as drawn, after shape keys and modifiers, (V, 3) float32."""
    if frame is not None:
        go_to(frame)
    drawn = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    coordinates = np.empty((len(drawn.vertices), 3), np.float32)
    drawn.vertices.foreach_get("co", coordinates.ravel())
    return coordinates
