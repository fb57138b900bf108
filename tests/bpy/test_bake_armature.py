"""Bake to Armature: what the bones draw is what the shape keys drew, and the artist's work stays."""

import os
import time

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.errors import MotionError
from blender_addon.motion.axes import FACINGS
from blender_addon.motion.rig_file import FoundRig, load_rig, save_poses
from blender_addon.motion.weights import Loop
from blender_addon.panels.bake_export import VIEW3D_PT_actionmesh_bake_export
from blender_addon.process.client import start_brief_worker
from blender_addon.scene import fcurves
from blender_addon.scene.animation_record import read_record
from blender_addon.scene.armatures import bind_armature
from blender_addon.scene.key_blocks import pose_keys
from blender_addon.scene.meshes import read_surface_points
from blender_addon.scene.options import Playback
from blender_addon.session import bone_search
from blender_addon.session.runner import runner
from blender_addon.workflow import bone_baking

from .addon import TIMEOUT
from .creature import animate, ball, paint
from .creature import rig as own_rig
from .layouts import drawn
from .scenes import evaluated
from .test_baking import walker

OPS = bpy.ops.actionmesh
PYTHON = os.environ.get("ACTIONMESH_PYTHON", "")
needs_backend = pytest.mark.skipif(not PYTHON, reason="ACTIONMESH_PYTHON names no Python of the backend")
FRAMES = np.arange(1, 22, 0.5)


@pytest.fixture
def backend(addon, monkeypatch):
    """Let searches for bones use the real backend."""
    monkeypatch.setattr(bone_search, "start_brief_worker", lambda python: start_brief_worker(PYTHON, addon / "logs"))


def turn(angle):
    return np.array(Matrix.Rotation(angle, 4, (0.3, 1.0, 0.2)))


def hand_made(target, poses):
    """Return a rig of two bones that turn, one on the other, with weights that change over the height."""
    heights = np.array([vertex.co.z for vertex in target.data.vertices])
    share = ((heights - heights.min()) / np.ptp(heights)).clip(0, 1)
    weights = np.stack([1 - share, share, 0 * share, 0 * share], axis=1)
    influences = np.tile(np.array([0, 1, 0, 0], np.int32), (len(heights), 1))
    deforms = np.empty((poses, 2, 4, 4))
    for index in range(poses):
        deforms[index, 0] = turn(0.9 * index)
        deforms[index, 1] = turn(0.9 * index) @ np.array(Matrix.Translation((0.1 * index, 0, 0.2)))
    parents = np.array([-1, 0], np.int32)
    heads, tails = np.array([(0, 0, -0.5), (0, 0, 0.1)]), np.array([(0, 0, 0.1), (0.2, 0.1, 0.8)])
    return FoundRig(("root", "bone.L.001"), parents, heads, tails, influences, weights, deforms)


def skinned(target, rig):
    """Return the vertices (T, V, 3) that a rig makes, by definition."""
    rest = np.array([(*vertex.co, 1) for vertex in target.data.vertices])
    dense = np.zeros((len(rest), len(rig.names)))
    for vertex, (bones, shares) in enumerate(zip(rig.influences, rig.weights, strict=True)):
        for bone, share in zip(bones, shares, strict=True):
            dense[vertex, bone] += share
    return np.einsum("vb,tbij,vj->tvi", dense, rig.deforms, rest)[..., :3]


def world(item, frame):
    drawn_item = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return (
        evaluated(item, frame) @ np.array(drawn_item.matrix_world)[:3, :3].T + np.array(drawn_item.matrix_world)[:3, 3]
    )


@pytest.mark.parametrize("loop", list(Loop))
def test_bones_draw_what_the_rig_says_in_every_pose(loop):
    source = ball()
    rig = hand_made(source, 5)
    expected = skinned(source, rig)
    animate(source, playback=Playback(loop=loop))
    frames = np.array([1.0, 2.5, 4.0, 5.0, 8.0])
    bound = bind_armature(source, rig, frames, loop)
    for frame, pose in zip(frames, expected, strict=True):
        np.testing.assert_allclose(evaluated(bound.mesh, frame), pose, atol=5e-6)
    later = {Loop.NONE: (12.0, 4), Loop.LOOP: (9.5 + 1.5, 1), Loop.PING_PONG: (8.0 + 3.0, 3)}[loop]
    np.testing.assert_allclose(evaluated(bound.mesh, later[0]), expected[later[1]], atol=5e-6)
    assert [bone.name for bone in bound.armature.data.bones] == ["root", "bone.L.001"]
    assert bound.armature.data.bones["bone.L.001"].parent.name == "root"


def test_the_source_and_the_artists_work_stay():
    source = ball()
    paint(source)
    own_rig(source)
    source.shape_key_add(name="Basis", from_mix=False)
    source.shape_key_add(name="Smile", from_mix=False)
    group = source.vertex_groups.new(name="root")
    group.add([0, 1], 0.5, "REPLACE")
    animate(source)
    before, action = evaluated(source, 5), source.data.shape_keys.animation_data.action
    curves = len(fcurves.curves(source.data.shape_keys))
    bound = bind_armature(source, hand_made(source, 3), np.array([1.0, 2.0, 3.0]), Loop.NONE)
    np.testing.assert_array_equal(evaluated(source, 5), before)
    assert source.data.shape_keys.animation_data.action == action
    assert len(fcurves.curves(source.data.shape_keys)) == curves and source.modifiers[0].name == "Armature"
    copy = bound.mesh
    assert copy.name == "Creature (rigged)" and copy.data.materials[0].name == "Coat"
    assert [block.name for block in copy.data.shape_keys.key_blocks] == ["Basis", "Smile"]
    assert read_record(copy.data.shape_keys) is None and not pose_keys(copy.data.shape_keys)
    assert [modifier.name for modifier in copy.modifiers] == ["ActionMesh Armature", "Armature"]
    assert [bone.name for bone in bound.armature.data.bones] == ["root.001", "bone.L.001"]
    assert {"Lower", "Upper", "root", "root.001", "bone.L.001"} == {each.name for each in copy.vertex_groups}
    assert copy.parent == bound.armature and bound.armature.parent.name == "Rig"


@pytest.mark.parametrize("moves", [False, True])
def test_it_lies_and_moves_in_the_world_as_its_source(moves):
    source = ball()
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler = (3, 1, 0), (0.2, 0.3, 0.4)
    source.parent, source.matrix_parent_inverse = parent, Matrix.Translation((0, 0, 2))
    if moves:
        for frame, x in ((1, 0.0), (10, 4.0)):
            source.location.x = x
            source.keyframe_insert("location", frame=frame)
    animate(source)
    still = FoundRig(
        ("root",), np.array([-1], np.int32), np.zeros((1, 3)), np.array([(0, 0, 1.0)]),
        np.zeros((len(source.data.vertices), 4), np.int32), np.eye(1, 4).repeat(len(source.data.vertices), 0),
        np.tile(np.eye(4), (2, 1, 1, 1)),
    )  # fmt: skip
    bound = bind_armature(source, still, np.array([1.0, 2.0]), Loop.NONE)
    assert bound.mesh.data.shape_keys is None
    rest = np.array([vertex.co for vertex in source.data.vertices])
    for frame in (1, 6, 12):
        placed = np.array(source.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
        shown = world(bound.mesh, frame)
        placed = np.array(source.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
        np.testing.assert_allclose(shown, rest @ placed[:3, :3].T + placed[:3, 3], atol=1e-5)
    assert (bound.armature.parent if moves else bound.mesh.parent) == (bound.mesh if moves else bound.armature)


def test_a_failure_leaves_nothing_behind(monkeypatch):
    source = ball()
    animate(source)
    kinds = (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.actions)
    before = [len(kind) for kind in kinds]
    monkeypatch.setattr(fcurves, "set_loop", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bind_armature(source, hand_made(source, 3), np.array([1.0, 2.0, 3.0]), Loop.NONE)
    assert [len(kind) for kind in kinds] == before and bpy.context.mode == "OBJECT"


def apart(mesh, source, frames):
    """Return the distances (T, V) between two meshes as drawn, in percent of the diagonal of the surface at rest."""
    one, other = (np.array([evaluated(each, frame) for frame in frames], np.float64) for each in (mesh, source))
    return 100 * np.linalg.norm(one - other, axis=2) / np.linalg.norm(np.ptp(read_surface_points(source.data), axis=0))


@needs_backend
def test_the_baked_mesh_moves_as_the_shape_keys_within_the_error_that_is_told(backend):
    source, baked = walker(playback=Playback(strength=1.3, speed=0.8)), []
    frames = read_record(source.data.shape_keys).frames
    bone_baking.begin(source, 6, None, baked.append)
    bone_search.wait()
    (made,) = baked
    gaps = apart(made.bound.mesh, source, frames)
    assert np.sqrt((gaps**2).mean()) == pytest.approx(made.error, abs=1e-3) and made.error < 2
    assert gaps.max() == pytest.approx(made.worst, abs=1e-3) and made.bones <= 6
    assert np.sqrt((apart(made.bound.mesh, source, frames[:-1] + np.diff(frames) / 2) ** 2).mean()) < made.error + 0.5
    assert bpy.context.active_object == made.bound.armature


@needs_backend
def test_the_operator_keeps_to_the_greatest_error_with_at_most_four_bones_a_vertex(backend):
    source = walker()
    bpy.context.view_layer.objects.active = source
    assert OPS.bake_armature(limit="ERROR", error=2.0) == {"FINISHED"}
    (mesh,) = bpy.context.active_object.children
    assert np.sqrt((apart(mesh, source, read_record(source.data.shape_keys).frames) ** 2).mean()) <= 2.0
    assert max(len(vertex.groups) for vertex in mesh.data.vertices) <= 4
    np.testing.assert_allclose([sum(group.weight for group in v.groups) for v in mesh.data.vertices], 1, atol=1e-5)


@needs_backend
def test_from_a_button_it_returns_at_once_shows_progress_and_can_be_cancelled(backend):
    source = ball()
    bpy.context.view_layer.objects.active = source
    animate(source)
    assert OPS.bake_armature(queued=True, bones=4) == {"FINISHED"}
    folder = bone_search.running().folder
    assert "Starting the backend" in drawn(VIEW3D_PT_actionmesh_bake_export)
    assert "actionmesh.cancel_bones" in drawn(VIEW3D_PT_actionmesh_bake_export)
    assert not OPS.bake_armature.poll() and OPS.cancel_bones() == {"FINISHED"}
    assert bone_search.running() is None and not folder.exists() and not OPS.cancel_bones.poll()
    assert not bpy.data.armatures
    assert OPS.bake_armature(queued=True, bones=3) == {"FINISHED"}
    end = time.monotonic() + TIMEOUT
    while bone_search.tick() is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert len(bpy.data.armatures) == 1 and runner.state.problem is None
    assert "actionmesh.bake_armature" in drawn(VIEW3D_PT_actionmesh_bake_export) or bpy.context.active_object != source


@needs_backend
def test_undo_takes_everything_back(backend):
    source = ball()
    bpy.context.view_layer.objects.active = source
    animate(source)
    bpy.ops.ed.undo_push(message="before")
    assert OPS.bake_armature(bones=2) == {"FINISHED"}
    assert len(bpy.data.objects) == 3 and "Creature (rigged)" in bpy.data.objects
    bpy.ops.ed.undo()
    assert [item.name for item in bpy.data.objects] == ["Creature"] and not bpy.data.armatures
    assert len(pose_keys(bpy.data.objects["Creature"].data.shape_keys)) == 7


@needs_backend
def test_a_mesh_that_changed_meanwhile_is_left_alone(backend):
    source = ball()
    bpy.context.view_layer.objects.active = source
    animate(source)
    assert OPS.bake_armature(queued=True, bones=2) == {"FINISHED"}
    source.data.shape_keys.reference_key.points[0].co.x += 1
    while bone_search.tick() is not None:
        time.sleep(0.05)
    assert not bpy.data.armatures and "was edited" in runner.state.problem.problem
    assert runner.state.problem.cure == "Bake to Armature again."


def test_without_a_backend_or_an_animation_one_sentence_says_so(addon, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_PYTHON", "")
    source = ball()
    bpy.context.view_layer.objects.active = source
    assert not OPS.bake_armature.poll()
    animate(source)
    bpy.ops.object.mode_set(mode="WEIGHT_PAINT")
    with pytest.raises(RuntimeError, match="Object Mode only"):
        OPS.bake_armature()
    bpy.ops.object.mode_set(mode="OBJECT")

    def missing(_python):
        from blender_addon.errors import BackendMissing

        raise BackendMissing("There is no backend.", "Install it.")

    monkeypatch.setattr(bone_search, "start_brief_worker", missing)
    with pytest.raises(RuntimeError, match="There is no backend. Install it."):
        OPS.bake_armature()
    assert bone_search.running() is None


@pytest.mark.parametrize("facing", FACINGS)
def test_poses_go_to_the_backend_upright_and_bones_come_back(facing, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    rest = np.random.default_rng(0).random((6, 3)).astype(np.float32)
    moves = np.zeros((2, 6, 3), np.float32)
    moves[1, :, 2] = 1
    save_poses(tmp_path / "p.safetensors", rest, np.array([[0, 1, 2]], np.int32), moves, facing)
    with safe_open(str(tmp_path / "p.safetensors"), "numpy") as file:
        sent = file.get_tensor("vertices")
    assert sent.shape == (3, 6, 3)
    upwards = sent[2, 0] - sent[1, 0]  # what the local Z axis becomes
    frame = {"NEG_Y": 1, "POS_Y": 1, "POS_X": 1, "NEG_X": 1, "POS_Z": 2, "NEG_Z": 2}[facing]
    assert abs(upwards[frame]) == pytest.approx(1)
    deforms = np.tile(np.eye(4), (3, 1, 1, 1))
    deforms[2, 0, :3, 3] = upwards
    arrays = {
        "parents": np.array([-1], np.int32), "heads": sent[:1, 0].astype(np.float64),
        "tails": sent[:1, 1].astype(np.float64), "influences": np.zeros((6, 4), np.int32),
        "weights": np.eye(1, 4).repeat(6, 0), "deforms": deforms,
    }  # fmt: skip
    save_file(arrays, tmp_path / "r.safetensors", {"names": '["root"]'})
    found = load_rig(tmp_path / "r.safetensors", facing)
    np.testing.assert_allclose(found.heads[0], rest[0], atol=1e-6)
    np.testing.assert_allclose(found.deforms[:, 0, :3, 3], [(0, 0, 0), (0, 0, 1)], atol=1e-6)
    arrays["influences"][3, 0] = 1
    save_file(arrays, tmp_path / "r.safetensors", {"names": '["root"]'})
    with pytest.raises(MotionError, match="cannot be read"):
        load_rig(tmp_path / "r.safetensors", facing)
