"""Colours of results: on new objects, and on an artist's mesh that asked for them.

Later results replace them, and they never replace what an artist made.
"""

import bpy
import numpy as np
import pytest

from blender_addon.errors import MotionError
from blender_addon.jobs.record import State
from blender_addon.motion.coat import Coat
from blender_addon.motion.result_file import Motion
from blender_addon.panels import animate, result
from blender_addon.scene import coats, shape_keys
from blender_addon.scene.objects import ObjectOptions, new_object
from blender_addon.scene.options import WriteOptions
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from tests.addon.pictures import png
from tests.bpy.addon import clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.layouts import drawn

OPS = bpy.ops.actionmesh
SHADE = 40
"""The shade of the worker's picture with seed 0. Each further seed is 10 brighter; a repeated match gives 200."""


def uv_of(layer):
    values = np.empty((len(layer.uv), 2), np.float32)
    layer.uv.foreach_get("vector", values.ravel())
    return values


def texture_of(material):
    return next(node for node in material.node_tree.nodes if node.type == "TEX_IMAGE")


def shade_of(material):
    """Return the shade, 0 to 255, of the picture that reaches the surface's colour, or None."""
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    links = surface.inputs["Base Color"].links
    if not links or links[0].from_node.type != "TEX_IMAGE":
        return None
    return round(255 * links[0].from_node.image.pixels[0])


def shown(target):
    """Return the name of each face's material."""
    names = [slot.name for slot in target.material_slots]
    return [names[face.material_index] for face in target.data.polygons]


def tent(**changes):
    """Return four triangles over a square, in two poses."""
    vertices = np.float32([(0, 0, 0), (2, 0, 0), (2, 0, 1), (0, 0, 1), (1, 1, 0.5)])
    faces = np.array([(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)], np.int32)
    uv = np.random.default_rng(0).random((4, 3, 2)).astype(np.float32)
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    facts = {"faces": faces, "coat": Coat(uv, png(pixels))} | changes
    return Motion(
        np.stack([vertices, vertices + 1]), facts["faces"], np.array([0, 0.1]), 0, np.arange(2), {}, facts["coat"]
    )


def make(motion):
    return new_object(bpy.context.scene, motion, ObjectOptions("Fox"), WriteOptions(1, 24))[0]


def test_a_new_object_has_a_uv_map_a_packed_picture_and_a_material_that_shows_it():
    motion = tent()
    target = make(motion)
    mesh, material = target.data, target.data.materials[0]
    assert [layer.name for layer in mesh.uv_layers] == ["UVMap"] and mesh.uv_layers[0].active_render
    assert np.array_equal(uv_of(mesh.uv_layers[0]).reshape(-1, 3, 2), motion.coat.corner_uv)
    texture = texture_of(material)
    image = texture.image
    assert (
        image.packed_file.data == motion.coat.png and image.name == "Fox" and image.colorspace_settings.name == "sRGB"
    )
    assert image.size[:] == (4, 2) and image.source == "FILE"
    surface = material.node_tree.nodes["Principled BSDF"]
    assert surface.inputs["Base Color"].links[0].from_socket == texture.outputs["Color"]
    assert surface.inputs["Roughness"].default_value == 1 and not surface.inputs["Alpha"].links
    assert material.node_tree.nodes.active == texture
    assert material.name == "Fox" and len(material.node_tree.nodes) == 3


def test_the_first_row_of_the_picture_is_its_top():
    pixels = np.zeros((2, 1, 3), np.uint8)
    pixels[0] = 255
    target = make(tent(coat=Coat(np.zeros((4, 3, 2), np.float32), png(pixels))))
    assert texture_of(target.data.materials[0]).image.pixels[:] == (0, 0, 0, 1, 1, 1, 1, 1)


def test_alpha_reaches_the_surface_where_the_picture_has_some():
    target = make(tent(coat=Coat(np.zeros((4, 3, 2), np.float32), png(np.full((2, 2, 4), 128, np.uint8)))))
    material = target.data.materials[0]
    links = material.node_tree.nodes["Principled BSDF"].inputs["Alpha"].links
    assert links[0].from_socket == texture_of(material).outputs["Alpha"]


def test_uvs_stay_with_their_faces_where_a_double_face_is_dropped():
    motion = tent()
    faces, uv = motion.faces[[0, 0, 1, 2, 3]], motion.coat.corner_uv[[0, 0, 1, 2, 3]]
    target = make(tent(faces=faces, coat=Coat(uv, motion.coat.png)))
    assert len(target.data.polygons) == 4
    found = uv_of(target.data.uv_layers[0]).reshape(-1, 3, 2)
    by_face = {tuple(sorted(face.vertices)): found[number] for number, face in enumerate(target.data.polygons)}
    for face, corners in zip(motion.faces, motion.coat.corner_uv, strict=True):
        assert np.array_equal(np.sort(by_face[tuple(sorted(face))], axis=0), np.sort(corners, axis=0))


def test_a_damaged_picture_leaves_nothing():
    whole = tent().coat
    with pytest.raises(MotionError, match="The picture of the result is damaged"):
        make(tent(coat=Coat(whole.corner_uv, whole.png[:45])))
    assert not [*bpy.data.objects, *bpy.data.meshes, *bpy.data.materials, *bpy.data.images]


def test_a_result_without_colours_is_clay():
    target = make(tent(coat=None))
    assert not target.data.uv_layers and not bpy.data.images and shade_of(target.data.materials[0]) is None


def from_video(addon, **options):
    OPS.animate_from_video(filepath=clip(addon, "painted"), **options)
    return bpy.context.active_object


def test_colours_survive_saving_and_opening(addon):
    from_video(addon)
    bpy.ops.wm.save_as_mainfile(filepath=str(addon / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(addon / "scene.blend"))
    made = bpy.data.objects["painted"]
    assert shade_of(made.data.materials[0]) == SHADE and texture_of(made.data.materials[0]).image.packed_file
    OPS.match_again()
    assert shade_of(made.data.materials[0]) == 200


def test_matching_again_replaces_picture_and_uvs_of_the_same_material(addon):
    made = from_video(addon)
    material, before = made.data.materials[0], uv_of(made.data.uv_layers[0])
    OPS.match_again()
    assert list(made.data.materials) == [material] and shade_of(material) == 200
    assert np.array_equal(uv_of(made.data.uv_layers[0]), before[:, ::-1]) and len(made.data.uv_layers) == 1
    assert [image.name for image in bpy.data.images] == ["painted.001"] or len(bpy.data.images) == 1


def test_history_brings_each_results_colours(addon):
    made = from_video(addon)
    first = job_list.records(True)[0].id
    OPS.match_again()
    again = job_list.records(True)[0].id
    bpy.data.objects.remove(made)
    OPS.bring_back(job=first)
    assert shade_of(bpy.context.active_object.data.materials[0]) == SHADE
    OPS.bring_back(job=again)
    assert shade_of(bpy.context.active_object.data.materials[0]) == 200


def test_another_seed_is_a_sibling_with_colours_of_its_own(addon):
    made = from_video(addon)
    OPS.rerun(seed=3)
    sibling = bpy.data.objects["painted.001"]
    assert shade_of(sibling.data.materials[0]) == SHADE + 30 and shade_of(made.data.materials[0]) == SHADE


def test_undo_and_redo(addon):
    bpy.ops.ed.undo_push(message="before")
    press(OPS.animate_from_video, filepath=clip(addon, "painted"))
    tick_until(lambda: states() == [State.WRITTEN])
    press(OPS.match_again)
    tick_until(lambda: states() == [State.WRITTEN] * 2)
    bpy.ops.ed.undo()
    assert shade_of(bpy.data.objects["painted"].data.materials[0]) == SHADE
    bpy.ops.ed.redo()
    assert shade_of(bpy.data.objects["painted"].data.materials[0]) == 200
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert "painted" not in bpy.data.objects
    OPS.bring_back(job=job_list.records(True)[0].id)
    assert shade_of(bpy.context.active_object.data.materials[0]) == 200


def other_material(made):
    fur = bpy.data.materials.new("Fur")
    fur.use_nodes = True
    made.data.materials[0] = fur


def other_picture(made):
    texture_of(made.data.materials[0]).image = bpy.data.images.new("Fur", 2, 2)


def painted_over(made):
    image = texture_of(made.data.materials[0]).image
    image.pixels[0] = 0.5
    image.update()


def painted_over_and_packed(made):
    painted_over(made)
    texture_of(made.data.materials[0]).image.pack()


def unwrapped(made):
    layer = made.data.uv_layers[0]
    layer.uv.foreach_set("vector", np.zeros(2 * len(layer.uv), np.float32))


def renamed(made):
    made.data.uv_layers[0].name = "Hero"


def topology(made):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.tris_convert_to_quads(face_threshold=3.15, shape_threshold=3.15)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert len(made.data.polygons) < 4


@pytest.mark.parametrize(
    "change", [other_material, other_picture, painted_over, painted_over_and_packed, unwrapped, renamed, topology]
)
def test_what_an_artist_changed_stays(addon, change):
    made = from_video(addon)
    change(made)
    mesh = made.data
    texture = [node.image for node in mesh.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"]
    before = list(mesh.materials), texture, [(layer.name, uv_of(layer).tolist()) for layer in mesh.uv_layers]
    pixels = [image.pixels[:8] for image in texture]
    OPS.match_again()
    assert keys_of(made) == 5 and runner.state.problem is None
    assert before == (list(mesh.materials), texture, [(layer.name, uv_of(layer).tolist()) for layer in mesh.uv_layers])
    assert pixels == [image.pixels[:8] for image in texture]


def test_nodes_that_an_artist_added_stay_around_the_new_picture(addon):
    made = from_video(addon)
    material = made.data.materials[0]
    tree = material.node_tree
    brighter = tree.nodes.new("ShaderNodeBrightContrast")
    tree.links.new(texture_of(material).outputs["Color"], brighter.inputs["Color"])
    OPS.match_again()
    assert brighter.inputs["Color"].links and texture_of(material).image.pixels[0] == pytest.approx(200 / 255)


def test_a_copy_of_the_object_keeps_its_colours(addon):
    made = from_video(addon)
    bpy.ops.object.duplicate()
    copy = bpy.context.active_object
    assert copy.data.materials[0] == made.data.materials[0]
    bpy.context.view_layer.objects.active = made
    OPS.match_again()
    assert shade_of(copy.data.materials[0]) == SHADE and shade_of(made.data.materials[0]) == 200


def own(addon, materials=("Fur", "Nose"), uv_maps=("Hero",), **cube):
    """Return a cube with an artist's materials and UV maps, animated with colours.

    Its faces overlap in the picture.
    """
    target = selected_cube(**cube)
    mesh = target.data
    for layer in list(mesh.uv_layers):
        mesh.uv_layers.remove(layer)
    for name in materials:
        mesh.materials.append(bpy.data.materials.new(name))
    if len(materials) > 1:
        mesh.polygons[1].material_index = 1
    for number, name in enumerate(uv_maps):
        layer = mesh.uv_layers.new(name=name)
        layer.uv.foreach_set("vector", np.random.default_rng(number).random(2 * len(mesh.loops)).astype(np.float32))
    return target


def selected(addon, target, **settings):
    bpy.context.view_layer.objects.active = target
    bpy.context.scene.actionmesh.colours = True
    OPS.animate_selected(filepath=clip(addon, "painted"), **settings)


def looks(target):
    mesh = target.data
    return (
        list(mesh.materials),
        [face.material_index for face in mesh.polygons],
        [layer.name for layer in mesh.uv_layers],
    )


def test_an_own_mesh_is_left_alone_unless_its_colours_are_asked_for(addon):
    target = own(addon)
    before = looks(target)
    OPS.animate_selected(filepath=clip(addon, "painted"))
    assert looks(target) == before and not job_list.records(True)[0].request.colours
    assert "colours" in drawn(animate.VIEW3D_PT_actionmesh_animate)


def test_an_own_mesh_gets_its_colours_in_a_slot_of_their_own_and_goes_back(addon):
    target = own(addon, uv_maps=())
    before = list(target.data.materials), shown(target)
    selected(addon, target)
    assert job_list.records(True)[0].request.colours and keys_of(target) == 5
    assert [slot.name for slot in target.material_slots] == ["Fur", "Nose", "Cube Clip Colours"]
    assert set(shown(target)) == {"Cube Clip Colours"} and shade_of(target.data.materials[2]) == SHADE
    assert "clip_colours" in drawn(result.VIEW3D_PT_actionmesh_result)
    target.actionmesh.clip_colours = False
    assert (list(target.data.materials)[:2], shown(target)) == before
    target.actionmesh.clip_colours = True
    assert set(shown(target)) == {"Cube Clip Colours"}
    target.active_material_index = 2
    bpy.ops.object.material_slot_move(direction="UP")
    bpy.ops.object.material_slot_move(direction="UP")
    target.actionmesh.clip_colours = False
    assert shown(target) == before[1]


def test_a_mesh_without_materials_has_nothing_to_go_back_to(addon):
    target = own(addon, materials=(), uv_maps=())
    selected(addon, target)
    assert [slot.name for slot in target.material_slots] == ["Cube Clip Colours"] and target.actionmesh.clip_colours
    assert "clip_colours" not in drawn(result.VIEW3D_PT_actionmesh_result)


def test_uvs_that_the_backend_painted_into_are_taken_and_never_written(addon):
    target = own(addon)
    uv = uv_of(target.data.uv_layers["Hero"])
    selected(addon, target)
    assert [layer.name for layer in target.data.uv_layers] == ["Hero"]
    places = next(node for node in target.data.materials[2].node_tree.nodes if node.type == "UVMAP")
    assert places.uv_map == "Hero"
    OPS.match_again()
    assert np.array_equal(uv_of(target.data.uv_layers["Hero"]), uv) and len(target.data.uv_layers) == 2
    assert places.uv_map == "Clip Colours" and shade_of(target.data.materials[2]) == 200


def test_a_uv_map_is_added_where_the_mesh_has_none_that_serves(addon):
    target = own(addon, uv_maps=())
    target.data.uv_layers.new(name="Light")
    target.data.uv_layers.new(name="Hero").active_render = True
    selected(addon, target)
    layer = target.data.uv_layers["Hero"]
    assert layer.active_render


def test_faces_of_four_corners_have_one_uv_a_corner(addon):
    target = own(addon, uv_maps=())
    selected(addon, target)
    layer = target.data.uv_layers["Clip Colours"]
    rows = np.floor(uv_of(layer)[:, 1] * len(target.data.polygons)).astype(int)
    for face in target.data.polygons:
        assert set(rows[face.loop_start : face.loop_start + 4]) == {face.index}


def test_another_take_and_another_match_replace_the_colours(addon):
    target = own(addon, uv_maps=())
    selected(addon, target)
    material = target.data.materials[2]
    OPS.rerun(seed=2)
    assert shade_of(material) == SHADE + 20
    OPS.match_again()
    assert shade_of(material) == 200 and len(target.material_slots) == 3
    assert [layer.name for layer in target.data.uv_layers] == ["Clip Colours"]
    assert set(shown(target)) == {"Cube Clip Colours"}


def test_another_take_shows_its_colours_only_where_the_ones_before_were_shown(addon):
    target = own(addon, uv_maps=())
    selected(addon, target)
    target.actionmesh.clip_colours = False
    before = shown(target)
    OPS.rerun(seed=2)
    assert shown(target) == before and shade_of(target.data.materials[2]) == SHADE + 20


def test_colours_that_an_artist_painted_over_stay_beside_new_ones(addon):
    target = own(addon, uv_maps=())
    selected(addon, target)
    image = texture_of(target.data.materials[2]).image
    image.pixels[0] = 0.5
    image.update()
    OPS.rerun(seed=2)
    assert [slot.name for slot in target.material_slots][2:] == ["Cube Clip Colours", "Cube Clip Colours.001"]
    assert image.pixels[0] == pytest.approx(0.5, abs=0.01) and shade_of(target.data.materials[3]) == SHADE + 20


def test_one_undo_takes_keys_and_colours_away(addon):
    target = own(addon)
    before = looks(target)
    names = [material.name for material in before[0]]
    bpy.context.scene.actionmesh.colours = True
    bpy.ops.ed.undo_push(message="before")
    press(OPS.animate_selected, filepath=clip(addon, "painted"))
    tick_until(lambda: states() == [State.WRITTEN])
    assert len(bpy.data.objects["Cube"].material_slots) == 3
    bpy.ops.ed.undo()
    target = bpy.data.objects["Cube"]
    assert keys_of(target) == 0 and [material.name for material in looks(target)[0]] == names
    assert looks(target)[1:] == before[1:]


def test_a_failure_leaves_materials_and_uvs_as_they_were(addon, monkeypatch):
    target = own(addon, uv_maps=())
    before = looks(target)
    things = [len(kind) for kind in (bpy.data.images, bpy.data.materials)]

    def broken(*_arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(shape_keys, "_verify", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        selected(addon, target)
    assert looks(target) == before and keys_of(target) == 0
    assert [len(kind) for kind in (bpy.data.images, bpy.data.materials)] == things


def test_a_failure_leaves_earlier_colours_as_they_were(addon, monkeypatch):
    made = from_video(addon)
    material, uv = made.data.materials[0], uv_of(made.data.uv_layers[0])
    mark, colour = material["actionmesh"].to_dict(), tuple(material.diffuse_color)

    def broken(*_arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(shape_keys, "_verify", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        OPS.match_again()
    assert shade_of(material) == SHADE and np.array_equal(uv_of(made.data.uv_layers[0]), uv)
    assert (
        material["actionmesh"].to_dict() == mark
        and tuple(material.diffuse_color) == colour
        and len(bpy.data.images) == 1
    )


def test_a_mesh_with_as_many_uv_maps_as_there_can_be_is_told_at_once(addon):
    target = own(addon, uv_maps=[f"Map {number}" for number in range(8)])
    with pytest.raises(RuntimeError, match="Cube has 8 UV maps, the most that a mesh can have. Remove one"):
        selected(addon, target)
    assert not job_list.records(True)


def test_faces_that_changed_while_the_job_ran_are_told_and_the_motion_is_written(addon):
    target = own(addon, uv_maps=())
    bpy.context.scene.actionmesh.colours = True
    press(OPS.animate_selected, filepath=clip(addon, "painted"))
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.quads_convert_to_tris(quad_method="FIXED_ALTERNATE")
    bpy.ops.object.mode_set(mode="OBJECT")
    tick_until(lambda: states() == [State.WRITTEN])
    assert keys_of(target) == 5 and len(target.material_slots) == 2
    assert runner.state.problem.problem.startswith("The faces of Cube were changed")


def test_an_own_mesh_that_is_gone_comes_back_as_an_object_with_colours(addon):
    target = own(addon, uv_maps=())
    selected(addon, target)
    job = job_list.records(True)[0].id
    bpy.data.objects.remove(target)
    OPS.bring_back(job=job)
    assert shade_of(bpy.context.active_object.data.materials[0]) == SHADE


def test_exports_carry_the_picture(addon):
    made = from_video(addon)
    png_bytes = texture_of(made.data.materials[0]).image.packed_file.data
    uv = {tuple(np.round(corner, 4)) for corner in uv_of(made.data.uv_layers[0]).tolist()}
    for name, format in (("out.glb", "GLB"), ("out.fbx", "FBX")):
        OPS.export(filepath=str(addon / name), format=format)
        bpy.ops.wm.read_homefile(use_empty=True)
        importer = bpy.ops.import_scene.gltf if format == "GLB" else bpy.ops.import_scene.fbx
        importer(filepath=str(addon / name))
        there = next(item for item in bpy.data.objects if item.type == "MESH")
        assert shade_of(there.data.materials[0]) == SHADE, name
        assert {tuple(np.round(corner, 4)) for corner in uv_of(there.data.uv_layers[0]).tolist()} == uv, name
        bpy.ops.wm.read_homefile(use_empty=True)
        OPS.bring_back(job=job_list.records(True)[0].id)
    assert png_bytes in (addon / "out.glb").read_bytes()


def test_usd_has_the_picture_beside_it(addon):
    from_video(addon)
    OPS.export(filepath=str(addon / "out.usdz"), format="USD")
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.usd_import(filepath=str(addon / "out.usdz"), import_textures_mode="IMPORT_PACK")
    there = next(item for item in bpy.data.objects if item.type == "MESH")
    assert shade_of(there.data.materials[0]) == SHADE


def test_pictures_of_others_are_never_removed(addon):
    mine = bpy.data.images.new("Mine", 2, 2)
    from_video(addon)
    OPS.match_again()
    coats.forget_unused()
    assert mine.name in bpy.data.images
