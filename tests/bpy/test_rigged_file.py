"""The file that the command `rig` writes, imported by Blender: each vertex in each pose against the animation."""

import json
import os
import re
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.process.backend_locator import backend_folder

from .creature import animate, ball, paint, world

PYTHON = os.environ.get("ACTIONMESH_PYTHON", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="ACTIONMESH_PYTHON names no Python of the backend")
MAKE = """
import sys
from pathlib import Path
import numpy as np
from actionmesh.animation import Animation, Provenance
from actionmesh.geometry.mesh_files import load_mesh

source, out = map(Path, sys.argv[1:])
mesh = load_mesh(source)
height = mesh.vertices[:, 1] - mesh.vertices[:, 1].mean()
poses = []
for angle in (0.0, 0.2, 0.5, 0.3, -0.2):
    bend = angle * np.clip(height / np.ptp(height) + 0.5, 0, 1)
    x, y, z = mesh.vertices.T
    poses.append(np.stack([x * np.cos(bend) - y * np.sin(bend), x * np.sin(bend) + y * np.cos(bend), z], axis=1))
times = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
made = Provenance("clip.mp4", str(source), 0, "demo", "toy", "0.1")
Animation(np.array(poses, np.float32), mesh.faces, times, 0, np.arange(5), made).save(out / "walk.safetensors")
np.save(out / "poses.npy", np.array(poses))
"""


def run(*words):
    environment = os.environ | {"PYTHONPATH": str(backend_folder())}
    done = subprocess.run([PYTHON, *words], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def rigged(tmp_path: Path):
    """Return the rigged glb of a textured, turned and scaled mesh with an animation of its own, and what was told."""
    target = ball()
    bpy.ops.object.shade_smooth()
    paint(target)
    animate(target)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "mesh.glb"), export_format="GLB")
    run("-P", "-c", MAKE, str(tmp_path / "mesh.glb"), str(tmp_path))
    out = str(tmp_path / "rigged.glb")
    told = run("-P", "-m", "actionmesh", "rig", str(tmp_path / "walk.safetensors"), "-o", out, "--bones", "6")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.import_scene.gltf(filepath=out)
    return tmp_path, told


def test_blender_plays_every_vertex_of_every_pose_within_the_error_that_was_told(rigged):
    folder, told = rigged
    rms, worst = map(float, re.search(r"error of ([\d.]+)% of the size, ([\d.]+)% at most", told).groups())
    (mesh,) = (made for made in bpy.data.objects if made.type == "MESH" and made.vertex_groups)
    poses = np.load(folder / "poses.npy")[..., [0, 2, 1]] * (1, -1, 1)
    shown = world(mesh, [0, 6, 12, 18, 24])
    size = np.linalg.norm(np.ptp(poses[0], axis=0))
    gaps = 100 * np.linalg.norm(shown - poses, axis=2) / size
    assert np.ptp(poses, axis=0).max() > 0.1 * size
    assert gaps.max() <= worst + 0.06 and np.sqrt((gaps**2).mean()) <= rms + 0.006 < 1.5
    assert len(next(made for made in bpy.data.objects if made.type == "ARMATURE").data.bones) <= 6
    assert any(image.name.startswith("Fur") and tuple(image.size) == (8, 8) for image in bpy.data.images)
    assert mesh.data.uv_layers and mesh.data.materials[0].name.startswith("Coat")


def test_the_mesh_s_own_animations_are_said_to_be_left_out(rigged):
    folder, told = rigged
    assert "own animations (1) are left out" in told
    data = (folder / "rigged.glb").read_bytes()
    gltf = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert [entry["name"] for entry in gltf["animations"]] == ["ActionMesh"]
