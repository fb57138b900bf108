"""Pictures of animated objects: what they show, where the camera stands, and that nothing is left behind."""

from math import pi
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError, FolderError
from blender_addon.motion.framing import front_axes
from blender_addon.scene import pictures as pictures_module
from blender_addon.scene.measuring import measure
from blender_addon.scene.pictures import Studio, timing_of
from blender_addon.scene.source_render import render_frames

from .dump import dump_file

SIZE = 48
FRAMES = (1, 4, 7)
FACES = {"NEG_X": 0, "POS_Y": 1, "POS_X": 2, "NEG_Y": 3, "NEG_Z": 4, "POS_Z": 5}
"""Which face of `box` points along an axis."""


def box(name="Box", size=1.0):
    x = size / 2
    vertices = [(a, b, c) for a in (-x, x) for b in (-x, x) for c in (-x, x)]
    faces = [(0, 1, 3, 2), (2, 3, 7, 6), (6, 7, 5, 4), (4, 5, 1, 0), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    return add(name, mesh)


def add(name, data=None):
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def slide(moved, way=(2, 0, 0), name="location", frames=(1, 7)):
    """Key a straight path at constant speed."""
    for frame, share in zip(frames, (0, 1), strict=True):
        setattr(moved, name, [share * part for part in way])
        moved.keyframe_insert(name, frame=frame)
    return moved


def pictures(source, folder, frames=FRAMES, size=SIZE, **options):
    """Return the pictures as (T, H, W, 4) float32 RGBA, the first row at the top."""
    steps = list(render_frames(bpy.context, source, folder, frames, size, **options))
    assert steps == [(0, len(frames))] * len(frames) + [(done, len(frames)) for done in range(1, len(frames) + 1)]
    names = [f"frame_{number:04d}.png" for number in range(1, len(frames) + 1)]
    assert sorted(path.name for path in folder.iterdir()) == names
    return np.stack([pixels(folder / name) for name in names])


def pixels(path):
    image = bpy.data.images.load(str(path))
    assert image.channels == 4 and image.file_format == "PNG"
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    shaped = values.reshape(image.size[1], image.size[0], 4)[::-1].copy()
    bpy.data.images.remove(image)
    return shaped


def centres(frames):
    """Return the mean column and row of the opaque pixels, (T, 2), from 0 to 1."""
    alpha = frames[..., 3]
    weights = alpha / alpha.sum(axis=(1, 2), keepdims=True)
    places = (np.arange(SIZE) + 0.5) / SIZE
    return np.stack([(weights.sum(axis=1) * places).sum(axis=1), (weights.sum(axis=2) * places).sum(axis=1)], axis=1)


def colour(picture):
    """Return the mean colour of the opaque pixels."""
    return picture[picture[..., 3] > 0.99][:, :3].mean(axis=0)


def coloured(source, *colours):
    for number, (red, green, blue) in enumerate(colours):
        material = bpy.data.materials.new(f"Colour {number}")
        material.use_nodes = True
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = (red, green, blue, 1)
        source.data.materials.append(material)
    return source


def test_pictures_follow_the_motion_and_hold_all_of_it(tmp_path):
    shown = pictures(slide(box(), (2, 0, 1)), tmp_path)
    across, down = centres(shown).T
    assert (np.diff(across) > 0.1).all() and (np.diff(down) < -0.05).all()
    alpha = shown[..., 3]
    assert alpha[:, [0, -1]].max() == alpha[:, :, [0, -1]].max() == 0
    covered = np.flatnonzero(alpha.max(axis=(0, 1)) > 0)
    assert covered[-1] - covered[0] > 0.85 * SIZE
    assert alpha.max() == 1


def test_form_is_lit_and_textures_show(tmp_path):
    source = slide(box(), (0, 0, 0.3))
    image = bpy.data.images.new("Halves", 2, 1)
    image.pixels = [1, 0, 0, 1, 0, 0, 1, 1]
    image.pack()
    coloured(source, (1, 1, 1))
    nodes, links = source.data.materials[0].node_tree.nodes, source.data.materials[0].node_tree.links
    texture = nodes.new("ShaderNodeTexImage")
    texture.image, texture.interpolation = image, "Closest"
    links.new(texture.outputs["Color"], next(n for n in nodes if n.type == "BSDF_PRINCIPLED").inputs["Base Color"])
    layer = source.data.uv_layers.new(name="UVMap")
    for loop in source.data.loops:
        layer.data[loop.index].uv = ((source.data.vertices[loop.vertex_index].co.x + 0.5) * 0.98 + 0.01, 0.5)
    first = pictures(source, tmp_path)[0]
    left, right = colour(first[:, : SIZE // 2 - 1]), colour(first[:, SIZE // 2 + 1 :])
    assert left[0] > 0.5 and left[2] < 0.3 and right[2] > 0.5 and right[0] < 0.3


def test_plain_grey_is_neither_dark_nor_burnt_and_its_sides_differ(tmp_path):
    source = slide(box(), (0, 0, 0.3))
    source.rotation_euler = (0, 0, pi / 4)
    first = pictures(source, tmp_path)[0]
    left, right = (colour(half).mean() for half in (first[:, : SIZE // 2 - 2], first[:, SIZE // 2 + 2 :]))
    assert 0.4 < right < left - 0.05 and left < 0.98


@pytest.mark.parametrize("facing", FACES)
def test_camera_looks_at_the_face(tmp_path, facing):
    source = coloured(box(), (0, 0, 1), (1, 0, 0))
    source.data.polygons[FACES[facing]].material_index = 1
    slide(source, (0.3, 0.3, 0.3))
    middle = pictures(source, tmp_path, facing=facing)[1]
    red, _, blue = colour(middle)
    assert red > 3 * blue


def with_shape_key():
    source = box()
    source.shape_key_add(name="Basis")
    key = source.shape_key_add(name="Side")
    for point in key.points if hasattr(key, "points") else key.data:
        point.co.x += 2
    for frame, value in ((1, 0), (7, 1)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    return source


def armature():
    bones = bpy.data.armatures.new("Bones")
    rig = add("Rig", bones)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones.edit_bones.new("Bone").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    slide(rig.pose.bones["Bone"])
    return rig


def deformed_by(rig):
    source = box()
    source.vertex_groups.new(name="Bone").add(range(8), 1, "REPLACE")
    source.modifiers.new("Skin", "ARMATURE").object = rig
    return source


def skinned_mesh():
    return deformed_by(armature())


def armature_of_a_skinned_mesh():
    rig = armature()
    deformed_by(rig)
    return rig


def armature_that_carries():
    rig = armature()
    carried = box()
    carried.parent, carried.parent_type, carried.parent_bone = rig, "BONE", "Bone"
    return rig


def empty_that_carries():
    root = slide(add("Root"))
    middle = add("Middle")
    middle.parent = root
    box().parent = middle
    return root


def instance_of_a_collection():
    inner = bpy.data.collections.new("Inner")
    part = box()
    bpy.context.scene.collection.objects.unlink(part)
    inner.objects.link(part)
    source = slide(add("Instance"))
    source.instance_type, source.instance_collection = "COLLECTION", inner
    return source


def modifier_alone():
    source = box()
    modifier = source.modifiers.new("Shift", "DISPLACE")
    modifier.direction, modifier.mid_level = "X", 0
    for frame, strength in ((1, 0), (7, 2)):
        modifier.strength = strength
        modifier.keyframe_insert("strength", frame=frame)
    return source


def follower_of_an_object_elsewhere():
    leader = slide(add("Leader"))
    source = box()
    source.constraints.new("COPY_LOCATION").target = leader
    return source


def driven_by_an_object_elsewhere():
    leader = slide(add("Leader"))
    source = with_shape_key()
    source.data.shape_keys.animation_data_clear()
    driver = source.data.shape_keys.key_blocks["Side"].driver_add("value").driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = leader, "location.x"
    source.data.shape_keys.key_blocks["Side"].slider_max = 3
    return source


def text():
    return slide(add("Words", bpy.data.curves.new("Words", "FONT")))


def child_of_a_hidden_parent():
    root = slide(box("Root"))
    root.hide_render = True
    box("Child").parent = root
    return root


SOURCES = (
    with_shape_key,
    skinned_mesh,
    armature_of_a_skinned_mesh,
    armature_that_carries,
    empty_that_carries,
    instance_of_a_collection,
    modifier_alone,
    follower_of_an_object_elsewhere,
    driven_by_an_object_elsewhere,
    child_of_a_hidden_parent,
)


@pytest.mark.parametrize("make", SOURCES)
def test_every_kind_of_animation_is_seen(tmp_path, make):
    source = make()
    bpy.context.scene.frame_set(3)
    shown = pictures(source, tmp_path)
    assert centres(shown)[:, 0] == pytest.approx((0.19, 0.5, 0.81), abs=0.06)


def test_text_is_rendered(tmp_path):
    source = text()
    source.data.body = "M"
    assert (np.diff(centres(pictures(source, tmp_path))[:, 0]) > 0.1).all()


def test_nothing_but_the_source_is_seen(tmp_path):
    source = slide(coloured(box(), (0, 1, 0)))
    alone = pictures(source, tmp_path / "alone")
    coloured(box("Wall", 9), (1, 0, 0))
    add("Lamp", bpy.data.lights.new("Lamp", "SUN")).data.energy = 100
    lamp = add("Own lamp", bpy.data.lights.new("Own lamp", "SUN"))
    lamp.parent, lamp.data.energy = source, 100
    bpy.context.scene.world = bpy.data.worlds.new("Red")
    bpy.context.scene.world.color = (9, 0, 0)
    assert pictures(source, tmp_path / "crowded") == pytest.approx(alone, abs=0.02)


def test_what_renders_leave_out_is_left_out(tmp_path):
    source = slide(box())
    alone = pictures(source, tmp_path / "alone")
    hidden, inside = box("Hidden", 3), box("Inside", 3)
    hidden.parent = inside.parent = source
    hidden.hide_render = True
    closet = bpy.data.collections.new("Closet")
    closet.hide_render = True
    bpy.context.scene.collection.children.link(closet)
    bpy.context.scene.collection.objects.unlink(inside)
    closet.objects.link(inside)
    assert pictures(source, tmp_path / "crowded") == pytest.approx(alone, abs=0.02)


def test_what_is_hidden_in_the_viewport_alone_is_seen(tmp_path):
    source = slide(box())
    source.hide_viewport = True
    source.hide_set(True)
    assert pictures(source, tmp_path)[..., 3].max() == 1


def test_modifiers_are_those_of_renders(tmp_path):
    """If framing followed the viewport, it would cut off the copies."""
    source = slide(box())
    copies = source.modifiers.new("Copies", "ARRAY")
    copies.count, copies.show_viewport = 5, False
    alpha = pictures(source, tmp_path, size=2 * SIZE)[..., 3]
    assert alpha[:, :, [0, -1]].max() == 0 and (alpha[0].max(axis=0) > 0).mean() > 0.6


@pytest.mark.parametrize("frame", [-5, 1, 3, 60])
@pytest.mark.parametrize("old, new, rate", [(100, 100, 24), (100, 200, 25)])
def test_moment_is_that_of_the_artists_scene(frame, old, new, rate):
    scene = bpy.context.scene
    scene.render.frame_map_old, scene.render.frame_map_new, scene.render.fps = old, new, rate
    source = slide(box(), (70, 0, 0), frames=(-10, 60))
    scene.frame_set(frame)
    there = source.matrix_world.translation.x
    scene.frame_set(9)
    with Studio([source], timing_of(scene)) as studio:
        assert studio.scene.render.fps == rate
        extent = measure(studio, frame, front_axes("NEG_Y"))
    assert (extent.low[0], extent.high[0]) == pytest.approx((there - 0.5, there + 0.5), abs=1e-4)
    assert scene.frame_current == 9


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_any_size_fills_the_picture(tmp_path, scale):
    source = slide(box(size=scale), (2 * scale, 0, 0))
    assert centres(pictures(source, tmp_path))[:, 0] == pytest.approx((0.19, 0.5, 0.81), abs=0.06)


def crowded_file():
    """Set up two scenes, unusual settings, a selection, an active object in edit mode, and an animated camera."""
    scene = bpy.context.scene
    other = bpy.data.scenes.new("Other")
    source = empty_that_carries()
    other.collection.objects.link(source)
    camera = add("Camera", bpy.data.cameras.new("Camera"))
    scene.camera = camera
    scene.timeline_markers.new("Cut", frame=4).camera = camera
    scene.render.resolution_x, scene.render.filepath, scene.render.engine = 77, "/somewhere/", "BLENDER_WORKBENCH"
    scene.render.use_border, scene.render.image_settings.file_format = True, "JPEG"
    scene.frame_set(5)
    mesh = bpy.data.objects["Box"]
    mesh.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.context.view_layer.update()
    return source


def differences(before, after):
    names = before.keys() | after.keys()
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def test_dump_sees_changes():
    """The checks below rely on this."""
    crowded_file()
    before = dump_file()
    assert differences(before, dump_file()) == {}
    bpy.context.scene.render.film_transparent = True
    bpy.data.objects["Root"].location.x += 1
    bpy.data.lights.new("New", "SUN")
    assert {"scenes/Scene", "objects/Root", "lights/New"} <= differences(before, dump_file()).keys()


def test_no_step_leaves_a_trace(tmp_path):
    source = crowded_file()
    before = dump_file()
    for _ in render_frames(bpy.context, source, tmp_path, FRAMES, SIZE):
        assert differences(before, dump_file()) == {}


def test_cancelling_leaves_no_trace(tmp_path):
    source = crowded_file()
    before = dump_file()
    steps = render_frames(bpy.context, source, tmp_path, FRAMES, SIZE)
    while next(steps)[0] < 2:
        pass
    steps.close()
    assert differences(before, dump_file()) == {}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_told_and_leaves_no_trace(tmp_path):
    source = crowded_file()
    before = dump_file()
    (tmp_path / "frame_0002.png").symlink_to("/dev/full")
    with pytest.raises(FolderError, match="frame_0002.png cannot be written"):
        list(render_frames(bpy.context, source, tmp_path, FRAMES, SIZE))
    assert differences(before, dump_file()) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["frame_0001.png"]


def test_picture_cut_short_is_told(tmp_path, monkeypatch):
    """A full disk is not an error to Blender: it leaves the beginning of a file."""
    cut = type(
        "Result", (), {"save_render": lambda self, path, scene: Path(path).write_bytes(b"\x89PNG" + bytes(4092))}
    )
    with Studio([box()], timing_of(bpy.context.scene)) as studio:
        monkeypatch.setattr(pictures_module, "_render_result", cut)
        with pytest.raises(FolderError, match="cut.png cannot be written"):
            studio.save(tmp_path / "cut.png")
        monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_vanished_is_told(tmp_path):
    folder = tmp_path / "folder"
    steps = render_frames(bpy.context, slide(box()), folder, FRAMES, SIZE)
    next(steps)
    folder.rmdir()
    folder.write_text("a file in its place")
    with pytest.raises(FolderError, match="cannot be written"):
        list(steps)
    assert folder.read_text() == "a file in its place"


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="cannot be made: Not a directory"):
        render_frames(bpy.context, slide(box()), tmp_path / "file" / "folder", FRAMES)


def test_names_of_folders_are_taken_as_they_are(tmp_path):
    pictures(slide(box()), tmp_path / "re #1 {x} %d ü 日本 'n'")


def test_render_of_the_artist_stays(tmp_path):
    scene = bpy.context.scene
    source = slide(box())
    scene.camera = add("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.location = (0, 0, 5)
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = 20, 10
    bpy.ops.render.render()
    result = next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
    result.save_render(str(tmp_path / "before.png"), scene=scene)
    pictures(source, tmp_path / "frames")
    assert result == next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
    result.save_render(str(tmp_path / "after.png"), scene=scene)
    before, after = (pixels(tmp_path / f"{name}.png") for name in ("before", "after"))
    assert before.shape == (10, 20, 4) and (before == after).all()


def refusal(source, folder, frames=FRAMES):
    with pytest.raises(ArtistError) as caught:
        list(render_frames(bpy.context, source, folder, frames, SIZE))
    assert caught.value.cure and not list(folder.iterdir())
    return caught.value


def test_one_frame_is_refused(tmp_path):
    assert "at least 2 frames, not 1" in refusal(slide(box()), tmp_path, [5]).problem


def test_what_has_no_shape_is_refused(tmp_path):
    assert "'Lonely' has no mesh" in refusal(slide(add("Lonely")), tmp_path).problem


def test_mesh_without_faces_is_refused(tmp_path):
    mesh = bpy.data.meshes.new("Wire")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0)], [(0, 1)], [])
    assert "'Wire' has no faces" in refusal(slide(add("Wire", mesh)), tmp_path).problem


def test_hidden_object_is_refused(tmp_path):
    source = slide(box())
    source.hide_render = True
    assert "'Box' is hidden in renders" in refusal(source, tmp_path).problem


def test_object_in_a_hidden_collection_is_refused(tmp_path):
    source = slide(box())
    closet, drawer = (bpy.data.collections.new(name) for name in ("Closet", "Drawer"))
    bpy.context.scene.collection.children.link(closet)
    bpy.context.scene.collection.objects.unlink(source)
    closet.children.link(drawer)
    drawer.objects.link(source)
    closet.hide_render = True
    assert "'Box' is hidden in renders" in refusal(source, tmp_path).problem


def test_object_of_another_scene_is_refused(tmp_path):
    source = slide(box())
    bpy.context.scene.collection.objects.unlink(source)
    assert "'Box' is not in the scene" in refusal(source, tmp_path).problem


def test_still_object_is_refused(tmp_path):
    assert "'Box' does not move" in refusal(box(), tmp_path).problem


@pytest.mark.parametrize("value", [float("nan"), 3e38])
def test_broken_vertices_are_refused(tmp_path, value):
    source = slide(box())
    source.data.vertices[3].co.x = value
    assert "out of bounds" in refusal(source, tmp_path).problem


def test_point_sized_object_is_refused(tmp_path):
    assert "has no size" in refusal(slide(box(size=0)), tmp_path).problem


def test_deleted_object_is_told(tmp_path):
    source = slide(box())
    steps = render_frames(bpy.context, source, tmp_path, FRAMES, SIZE)
    next(steps)
    bpy.data.objects.remove(source)
    with pytest.raises(ArtistError, match="'Box' no longer exists"):
        list(steps)


def cloth():
    source = box()
    simulation = source.modifiers.new("Cloth", "CLOTH")
    simulation.point_cache.frame_end = 7
    return source


def test_unbaked_simulation_is_refused_and_offers_to_bake(tmp_path):
    error = refusal(cloth(), tmp_path)
    assert "'Cloth' of 'Box' is not baked" in error.problem and error.fix == "ptcache.bake_all"


def test_baked_simulation_is_rendered(tmp_path):
    source = cloth()
    bpy.ops.ptcache.bake_all()
    assert (np.diff(centres(pictures(source, tmp_path))[:, 1]) > 0.02).all()


def test_rigid_body_is_refused(tmp_path):
    source = box()
    bpy.context.view_layer.objects.active = source
    bpy.ops.rigidbody.object_add()
    assert "'Box' is moved by a rigid body simulation" in refusal(source, tmp_path).problem
