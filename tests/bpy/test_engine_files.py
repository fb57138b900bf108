"""Files for game engines and quantised files: imported again, each frame, unit, axis and picture is compared."""

import json
import struct

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.errors import ArtistError
from blender_addon.motion.weights import Loop
from blender_addon.scene import fcurves
from blender_addon.scene.armatures import bind_armature
from blender_addon.scene.engines import Engine
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.options import Playback

from ..backend.gltf_validator import assert_valid
from ..full_disk import full_disk
from .creature import animate, ball, difference, held, open_file, paint, rig, world
from .test_bake_armature import hand_made

FRAMES = range(1, 25)
CLOSE = 1e-4
GAMES = pytest.mark.parametrize("engine", [Engine.UNITY, Engine.UNREAL])


@pytest.fixture(autouse=True)
def short_scene():
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = FRAMES[0], FRAMES[-1]


def send(target, path, format, **options):
    return export(bpy.context.scene, [target], path, ExportOptions(format, **options))


def returned(target, path, format, frames=FRAMES, **options):
    before = world(target, frames)
    send(target, path, format, **options)
    mesh, new, images = open_file(path)
    return difference(before, world(mesh, frames)), mesh, new, images


def upright(name="Creature"):
    """Return a ball whose object is neither turned nor scaled."""
    target = ball(name)
    target.rotation_euler, target.scale = (0, 0, 0), (1, 1, 1)
    return target


def parsed(path):
    """Return the global settings of an FBX file, the mesh node's properties, and its vertices."""
    from io_scene_fbx import parse_fbx

    root, _version = parse_fbx.parse(str(path))
    parts = {part.id: part for part in root.elems if part is not None}

    def properties(element):
        (block,) = (each for each in element.elems if each.id == b"Properties70")
        return {each.props[0]: each.props[4:] for each in block.elems}

    objects = parts[b"Objects"].elems
    node = next(each for each in objects if each.id == b"Model" and each.props[2] == b"Mesh")
    geometry = next(each for each in objects if each.id == b"Geometry" and each.props[2] == b"Mesh")
    vertices = next(each for each in geometry.elems if each.id == b"Vertices").props[0]
    return properties(parts[b"GlobalSettings"]), properties(node), np.array(vertices).reshape(-1, 3)


@GAMES
def test_keys_come_back_from_an_engines_fbx(tmp_path, engine):
    target = ball()
    paint(target)
    animate(target, playback=Playback(loop=Loop.LOOP, strength=1.4))
    error, _mesh, _new, images = returned(target, tmp_path / "a.fbx", Format.FBX, engine=engine)
    assert error < CLOSE
    assert any(image.name.startswith("Fur") and tuple(image.size) == (8, 8) for image in images)
    assert [file.name for file in tmp_path.iterdir()] == ["a.fbx"]


@GAMES
def test_bones_come_back_from_an_engines_fbx(tmp_path, engine):
    target = ball()
    paint(target)
    animate(target)
    bound = bind_armature(target, hand_made(target, 5), np.array([1.0, 3.0, 6.0, 10.0, 16.0]), Loop.NONE)
    frames = range(1, 17)
    before = world(bound.mesh, frames)
    assert np.ptp(before, axis=0).max() > 0.3
    send(bound.mesh, tmp_path / "a.fbx", Format.FBX, engine=engine)
    mesh, new, _images = open_file(tmp_path / "a.fbx")
    assert difference(before, world(mesh, frames)) < CLOSE
    (armature,) = (made for made in new if made.type == "ARMATURE")
    assert [bone.name for bone in armature.data.bones] == ["root", "bone.L.001"] and len(new) == 2


@pytest.mark.parametrize("format", [Format.GLB, Format.FBX])
def test_bones_of_bake_to_armature_come_back(tmp_path, format):
    target = ball()
    animate(target)
    bound = bind_armature(target, hand_made(target, 5), np.array([1.0, 3.0, 6.0, 10.0, 16.0]), Loop.NONE)
    name = "a.glb" if format == Format.GLB else "a.fbx"
    assert returned(bound.mesh, tmp_path / name, format, range(1, 17))[0] < CLOSE


@GAMES
def test_an_objects_own_motion_and_its_moved_parent_come_back(tmp_path, engine):
    target = held(ball())
    animate(target)
    for frame, x, turn in ((1, 0.0, 0.0), (12, 3.0, 1.0), (24, 4.0, -0.5)):
        target.location.x, target.rotation_euler.z = x, turn
        target.keyframe_insert("location", frame=frame)
        target.keyframe_insert("rotation_euler", frame=frame)
    assert returned(target, tmp_path / "a.fbx", Format.FBX, engine=engine)[0] < CLOSE


@pytest.mark.parametrize("engine", [Engine.ANY, Engine.UNITY, Engine.UNREAL])
@pytest.mark.parametrize("unit", [1.0, 0.01, 0.3048])
def test_the_scenes_unit_is_kept_in_metres(tmp_path, engine, unit):
    """The file says how long its unit is; Blender's importer divides by the scene's own."""
    bpy.context.scene.unit_settings.scale_length = unit
    target = ball()
    animate(target)
    assert returned(target, tmp_path / "a.fbx", Format.FBX, engine=engine)[0] < CLOSE


@pytest.mark.parametrize(("engine", "factor", "length", "axes", "front"), [
    (Engine.UNITY, 100.0, 1.0, (1, 2), (0, 0, 1)),
    (Engine.UNREAL, 1.0, 100.0, (2, 0), (1, 0, 0)),
])  # fmt: skip
def test_units_and_axes_are_those_of_the_engine(tmp_path, engine, factor, length, axes, front):
    target = upright()
    animate(target)
    target.location = (0, 0, 0)
    send(target, tmp_path / "a.fbx", Format.FBX, engine=engine)
    settings, node, vertices = parsed(tmp_path / "a.fbx")
    assert settings[b"UnitScaleFactor"] == [factor]
    assert (settings[b"UpAxis"], settings[b"UpAxisSign"]) == ([axes[0]], [1])
    assert (settings[b"FrontAxis"], settings[b"FrontAxisSign"]) == ([axes[1]], [1])
    np.testing.assert_allclose(node.get(b"Lcl Scaling", [1, 1, 1]), 1, atol=1e-6)
    np.testing.assert_allclose(node.get(b"Lcl Rotation", [0, 0, 0]), 0, atol=1e-4)
    basis = target.data.shape_keys.reference_key.points
    places = np.array([point.co for point in basis])
    np.testing.assert_allclose(vertices @ np.array(front), -length * places[:, 1], atol=1e-4 * length)
    np.testing.assert_allclose(vertices[:, axes[0]], length * places[:, 2], atol=1e-4 * length)


def by_the_new_importer(path):
    """Import an FBX file with the importer that reads fractions of a rate right; the older one takes 29.97 for 30."""
    if "fbx_import" not in dir(bpy.ops.wm):
        pytest.skip("Blender has this importer from 4.5 on")
    known = set(bpy.data.objects)
    bpy.ops.wm.fbx_import(filepath=str(path))
    return next(made for made in set(bpy.data.objects) - known if made.type == "MESH")


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (25, 1.0), (30, 1.001), (60, 1.0), (12, 1.0)])
@pytest.mark.parametrize(("format", "engine"), [
    (Format.FBX, Engine.UNITY), (Format.FBX, Engine.UNREAL), (Format.GLB, Engine.GODOT), (Format.GLB, Engine.THREE),
])  # fmt: skip
def test_frames_lie_where_they_were_at_every_rate(tmp_path, format, engine, fps, base):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    target = ball()
    animate(target, start=30, poses=9, rate=fps / base, clip_rate=fps / base)
    frames = range(28, 41)
    path = tmp_path / ("a.fbx" if format == Format.FBX else "a.glb")
    before = world(target, frames)
    sent = send(target, path, format, engine=engine)
    assert (sent.start, sent.end) == (30, 38)
    mesh = open_file(path)[0] if base == 1 or format == Format.GLB else by_the_new_importer(path)
    assert difference(before, world(mesh, frames)) < CLOSE
    for curve in fcurves.curves(mesh.data.shape_keys):
        ends = fcurves.read_points(curve)[:, 0]
        assert ends.min() >= 29.99 and ends.max() <= 38.01


@pytest.mark.fault("Godot refuses an exported file that was compressed with Draco")
def test_a_file_for_the_wrong_engine_is_refused():
    with pytest.raises(ArtistError, match="settings for Unity are for FBX files"):
        ExportOptions(Format.GLB, engine=Engine.UNITY)
    with pytest.raises(ArtistError, match=r"settings for three\.js are for glTF files"):
        ExportOptions(Format.FBX, engine=Engine.THREE)
    with pytest.raises(ArtistError, match="Godot cannot read quantised files"):
        ExportOptions(Format.GLB, engine=Engine.GODOT, quantise=0.05)
    with pytest.raises(ArtistError, match="Godot cannot read files compressed with Draco"):
        ExportOptions(Format.GLB, engine=Engine.GODOT, compress=True)
    with pytest.raises(ArtistError, match="either compressed with Draco or quantised"):
        ExportOptions(Format.GLB, compress=True, quantise=0.05)


def smooth_ball(segments):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=segments, ring_count=segments // 2)
    made = bpy.context.object
    made.data.shade_smooth()
    made.name = made.data.name = "Creature"
    made.location, made.rotation_euler = (1, 2, 3), (0.3, 0.2, 0.1)
    return made


def kinds(path):
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    gltf = json.loads(data[20 : 20 + length])
    targets = [target for mesh in gltf["meshes"] for part in mesh["primitives"] for target in part["targets"]]
    return {name: {gltf["accessors"][target[name]]["componentType"] for target in targets} for name in targets[0]}


@pytest.mark.parametrize(("error", "kind"), [(0.005, 5122), (0.05, 5122), (0.5, 5120)])
@pytest.mark.parametrize("size", [0.001, 1.0, 300.0])
def test_a_quantised_glb_comes_back_within_its_error(tmp_path, error, kind, size):
    target = smooth_ball(14)
    target.data.transform(Matrix.Scale(size, 4))
    animate(target)
    gap, _mesh, new, _images = returned(target, tmp_path / "a.glb", Format.GLB, quantise=error)
    assert 1e-7 < gap <= 1.05 * error / 100 + CLOSE / 100  # the size of a pose, not of the mesh at rest
    assert kinds(tmp_path / "a.glb")["POSITION"] == {kind} and len(new) <= 2


def test_a_quantised_glb_is_half_as_large_and_in_order(tmp_path):
    target = smooth_ball(64)
    rest = np.array([vertex.co for vertex in target.data.vertices])
    target.shape_key_add(name="Basis")
    for frame in range(1, 15):
        wave = 0.2 * np.sin(3 * rest[:, [2, 0, 1]] + 0.4 * frame)
        block = target.shape_key_add(name=f"Wave {frame}", from_mix=False)
        block.points.foreach_set("co", (rest + wave).astype(np.float32).ravel())
        for near, value in ((frame - 1, 0.0), (frame, 1.0), (frame + 1, 0.0)):
            block.value = value
            block.keyframe_insert("value", frame=near)
    plain = send(target, tmp_path / "plain.glb", Format.GLB)
    small = send(target, tmp_path / "small.glb", Format.GLB, quantise=0.05)
    assert plain.size > 2 * small.size
    assert_valid(plain.path, small.path)


def test_a_quantised_glb_keeps_bones_materials_and_pictures(tmp_path):
    target = ball()
    paint(target)
    animate(target)
    rig(target)
    error, mesh, new, images = returned(target, tmp_path / "a.glb", Format.GLB, quantise=0.05)
    assert error < 1e-3
    assert any(made.type == "ARMATURE" and len(made.data.bones) >= 2 for made in new)
    assert any(image.name.startswith("Fur") and tuple(image.size) == (8, 8) for image in images)
    assert any(modifier.type == "ARMATURE" for modifier in mesh.modifiers)


def test_a_large_skinned_mesh_is_quantised_through_its_skin(tmp_path):
    target = ball()
    target.data.transform(Matrix.Scale(200, 4))
    animate(target)
    rig(target)
    assert returned(target, tmp_path / "a.glb", Format.GLB, quantise=0.05)[0] < 1e-3
    assert kinds(tmp_path / "a.glb")["POSITION"] == {5122}


def test_a_quantised_export_that_does_not_fit_leaves_the_old_file(tmp_path):
    target = ball()
    animate(target)
    (tmp_path / "a.glb").write_text("old")
    with full_disk(1024), pytest.raises(ArtistError, match="File too large"):
        send(target, tmp_path / "a.glb", Format.GLB, quantise=0.05)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.glb", "old")]


def test_the_operator_takes_an_engine_and_its_format(addon, tmp_path):
    target = ball()
    animate(target)
    path = tmp_path / "a.fbx"
    assert bpy.ops.actionmesh.export(filepath=str(path), engine="UNITY", format="FBX") == {"FINISHED"}
    assert parsed(path)[0][b"UnitScaleFactor"] == [100.0]
    glb = tmp_path / "a.glb"
    assert bpy.ops.actionmesh.export(filepath=str(glb), quantise=True, error=0.1) == {"FINISHED"}
    assert kinds(glb)["POSITION"] == {5122}
    with pytest.raises(RuntimeError, match=r"a\.glb is not a name for FBX"):  # an engine chooses its format
        bpy.ops.actionmesh.export(filepath=str(glb), engine="UNREAL")
