"""Animated files that Blender wrote become tracked points.

The points lie on the surface in every frame, and where the pictures show them.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils.bvhtree import BVHTree
from safetensors.numpy import load_file

from blender_addon import dataset
from blender_addon.conversion.converter import sha256
from blender_addon.scene import importing, survey, tracked_file
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.importing import open_alone

from ..full_disk import full_disk
from .clip_files import dancing_rig, export_glb, moving_ball, with_actions
from .creature import animate, ball, rig
from .scenes import go_to, patchwork

SMALL = ["--frames", "5", "--points", "300", "--size", "40"]
FORMATS = {".glb": Format.GLB, ".fbx": Format.FBX, ".abc": Format.ALEMBIC, ".usdc": Format.USD}
PLACES = 10 * 5 + 2
"""Vertices of a ball."""
LAST = 10
"""Five of the frames 1 to 10 are taken: most lie between two whole frames."""


def creature():
    """Return a ball with animated shape keys, armature and path, and a mirrored part of it next to it."""
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, LAST
    body = triangulated(ball())
    animate(body)
    armature = rig(body)
    for frame, place in ((1, (0, 0, 0)), (LAST, (2, 1, 0.5))):
        armature.location = place
        armature.keyframe_insert("location", frame=frame)
    other = triangulated(ball("Mirrored"))
    other.location, other.scale = (-3, 0, 0), (-0.5, 0.5, 0.5)
    return body, other


def triangulated(made):
    """Triangulate the mesh, because the division of quads may change from frame to frame."""
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.quads_convert_to_tris()
    bpy.ops.object.mode_set(mode="OBJECT")
    return made


def save(folder, name, *objects):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    export(bpy.context.scene, objects, path, ExportOptions(FORMATS[path.suffix]))
    return path


def run(folder, out, *options):
    return dataset.main([str(folder), str(out), *SMALL, *options])


def failures(out):
    with (out / "failures.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row["problem"] for row in csv.DictReader(file)}


def provenance(path):
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"]["format"] == "actionmesh tracks 1"
    return json.loads(header["__metadata__"]["provenance"])


def trees(path, frames):
    """Return a tree of each frame's evaluated triangles in the world, read anew and without the tested code."""
    opened, found = open_alone(path), []
    meshes = [item for item in opened.objects if item.type == "MESH"]
    for frame in frames:
        go_to(frame)
        vertices, triangles = [], []
        for item in meshes:
            drawn = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
            drawn.data.calc_loop_triangles()
            triangles += [[corner + len(vertices) for corner in each.vertices] for each in drawn.data.loop_triangles]
            vertices += [drawn.matrix_world @ vertex.co for vertex in drawn.data.vertices]
        found.append(BVHTree.FromPolygons(vertices, triangles))
    return found


@pytest.mark.parametrize("ending", FORMATS)
def test_points_stay_on_the_surface_and_pictures_show_them(tmp_path, ending):
    if ending == ".abc" and not bpy.app.build_options.alembic:
        pytest.skip("this Blender has no Alembic")
    path = save(tmp_path / "in", f"walk{ending}", *creature())
    assert run(tmp_path / "in", tmp_path / "out") == 0
    made = tmp_path / "out" / f"walk{ending}.safetensors"
    arrays, told = load_file(made), provenance(made)
    assert arrays["points"].shape == (5, 300, 3) and arrays["normals"].dtype == np.float16
    assert told["sha256"] == sha256(path) and told["objects"] == 2 and told["closed"]
    assert np.allclose(np.diff(arrays["times"]), arrays["times"][1]) and arrays["times"][0] == 0
    frames = np.linspace(*told["frames"], 5)
    assert frames[-1] - frames[0] >= LAST - 1
    size, turn = 2 / told["scale"], np.array(told["turn"])
    for tree, pose, normals in zip(trees(path, frames), arrays["points"], arrays["normals"], strict=True):
        places = (pose.astype(np.float64) / told["scale"] + np.array(told["centre"])) @ turn
        nearest = [tree.find_nearest(place) for place in places]
        assert max(found[3] for found in nearest) < 1e-4 * size
        outwards = normals.astype(np.float64) @ turn
        same = np.abs([found[1].dot(normal) for found, normal in zip(nearest, outwards, strict=True)])
        assert np.mean(same > 0.99) > 0.97  # the rest is on an edge
    assert arrays["vertices"].shape == arrays["vertex_normals"].shape == (5, 1024, 3)
    assert len(np.unique(arrays["vertices"][0], axis=0)) == 2 * PLACES
    shown = visible(arrays)
    assert shown.mean() > 0.98
    opaque = arrays["pictures"][0, ..., 3] > 0
    assert 0.05 < opaque.mean() < 0.9 and np.ptp(arrays["pictures"][0, ..., :3][opaque]) > 60
    rows, columns = np.argwhere(opaque.any(axis=0)).min(axis=0), np.argwhere(opaque.any(axis=0)).max(axis=0)
    assert arrays["crops"][0].tolist() == [*rows, *(columns - rows + 1)]


def test_material_with_an_empty_node_tree_shows_its_colour(monkeypatch, tmp_path):
    """Blender 5.2 makes such a tree for an Alembic file; nodes that a file brings stay as they are."""
    path = save(tmp_path, "walk.usdc", *creature())
    read = importing._read

    def read_with_materials(file):
        read(file)
        for name in ("Empty", "Own"):
            made = bpy.data.materials.new(name)
            made.use_nodes, made.diffuse_color = True, (0.2, 0.4, 0.6, 1)
        bpy.data.materials["Empty"].node_tree.nodes.clear()

    monkeypatch.setattr(importing, "_read", read_with_materials)
    open_alone(path)
    for name, colour in (("Empty", (0.2, 0.4, 0.6, 1)), ("Own", (0.8, 0.8, 0.8, 1))):
        nodes = bpy.data.materials[name].node_tree.nodes
        (output,) = (node for node in nodes if node.type == "OUTPUT_MATERIAL")
        (link,) = output.inputs["Surface"].links
        assert tuple(link.from_node.inputs["Base Color"].default_value) == pytest.approx(colour)


def visible(arrays, view=0):
    """Return whether a picture is opaque at each projected point, (T, P)."""
    axes, distance, window = (arrays[name][view].astype(np.float64) for name in ("axes", "distances", "windows"))
    seen = arrays["points"] @ axes.T
    plane = seen[..., :2] * (1, -1) / (1 - seen[..., 2:] / distance)
    size = arrays["pictures"].shape[2]
    pixels = np.floor(((plane - window[:2]) / (2 * window[2]) + 0.5) * size).astype(int)
    assert pixels.min() >= 0 and pixels.max() < size
    return arrays["pictures"][view][np.arange(len(pixels))[:, None], pixels[..., 1], pixels[..., 0], 3] > 0


def test_first_frame_is_placed_as_a_reference_is(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    run(tmp_path / "in", tmp_path / "out", "--points", "20000", "--views", "0")
    arrays = load_file(tmp_path / "out" / "walk.glb.safetensors")
    low, high = arrays["points"][0].min(axis=0), arrays["points"][0].max(axis=0)
    assert np.abs(low + high).max() < 0.05 and 1.45 < (high - low).max() <= 1.5
    assert arrays["pictures"].shape == (0, 5, 40, 40, 4) and len(arrays["axes"]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_every_camera_agrees_with_its_pictures(tmp_path, seed):
    """Some cameras are orthographic; none may be off by a pixel."""
    save(tmp_path / "in", "walk.glb", *creature())
    run(tmp_path / "in", tmp_path / "out", "--views", "3", "--seed", str(seed), "--frames", "3", "--size", "64")
    arrays = load_file(tmp_path / "out" / "walk.glb.safetensors")
    assert arrays["pictures"].shape == (3, 3, 64, 64, 4) and len(np.unique(arrays["axes"][:, 2, 0])) == 3
    assert min(visible(arrays, view).mean() for view in range(3)) > 0.98


def test_signed_distances_are_those_of_a_ball(tmp_path):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5)
    moved = bpy.context.object
    for frame, place in ((1, 0.0), (5, 1.0)):
        moved.location.x = place
        moved.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_end = 5
    save(tmp_path / "in", "ball.glb", moved)
    assert run(tmp_path / "in", tmp_path / "out", "--queries", "400", "--views", "0", "--facing", "NEG_Y") == 0
    arrays = load_file(tmp_path / "out" / "ball.glb.safetensors")
    centres = np.linspace((0, 0, 0), (0.75, 0, 0), 5)
    linear = load_centres(arrays["points"])
    assert np.abs(linear[[0, -1]] - centres[[0, -1]]).max() < 0.05
    for centre, points, distances in zip(linear, arrays["query_points"], arrays["signed_distances"], strict=True):
        true = np.linalg.norm(points.astype(np.float64) - centre, axis=1) - 0.75
        assert np.abs(true - distances).max() < 0.01 and (distances < 0).any() and (distances > 0).any()


def load_centres(points):
    return (points.min(axis=1) + points.max(axis=1)).astype(np.float64) / 2


def test_open_surface_has_no_distances(tmp_path):
    subject = patchwork()
    subject.keyframe_insert("location", frame=1)
    subject.location.x = 3
    subject.keyframe_insert("location", frame=4)
    bpy.context.scene.frame_end = 4
    save(tmp_path / "in", "sheet.glb", subject)
    assert run(tmp_path / "in", tmp_path / "out", "--distances", "--views", "0") == 0
    made = tmp_path / "out" / "sheet.glb.safetensors"
    assert "query_points" not in load_file(made) and provenance(made)["closed"] is False


def test_what_cannot_be_used_is_listed_and_the_rest_is_done_once(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder, "still.glb", ball())
    save(folder / "deep", "walk.glb", *creature())
    (folder / "broken.glb").write_bytes(b"glTF no more")
    (folder / "broken.fbx").write_bytes(b"Kaydara FBX Binary  \0 no more")
    (folder / "notes.txt").write_text("not animated")
    lonely = bpy.data.objects.new("Nothing", None)
    bpy.context.scene.collection.objects.link(lonely)
    changing(folder)
    assert run(folder, out) == 0
    listed = failures(out)
    assert set(listed) == {"still.glb", "broken.glb", "broken.fbx", "changing.abc"}
    assert "does not move" in listed["still.glb"] and "broken.glb" in listed["broken.glb"]
    assert "stay the same" in listed["changing.abc"]
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in listed.values())
    made = out / "deep" / "walk.glb.safetensors"
    before = made.stat().st_mtime_ns
    (folder / "broken.glb").unlink()
    assert run(folder, out) == 0
    assert made.stat().st_mtime_ns == before and "broken.glb" not in failures(out)
    assert not [path for path in out.rglob(".*")]


def changing(folder):
    """Write an Alembic file whose number of vertices grows."""
    made = ball("Changing")
    build = made.modifiers.new("Build", "BUILD")
    build.frame_start, build.frame_duration = -5, 20
    path = folder / "changing.abc"
    export(bpy.context.scene, [made], path, ExportOptions(Format.ALEMBIC))


def clip_rows(out):
    with (out / "clips.csv").open(encoding="utf-8", newline="") as file:
        return {row["clip"]: row for row in csv.DictReader(file)}


def test_every_animation_becomes_a_sequence_and_stills_are_told(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    moving_ball()
    path = export_glb(folder / "deep" / "ball.glb")
    assert run(folder, out, "--every-clip", "--views", "0", "--facing", "NEG_Y") == 0
    rows = clip_rows(out)
    assert {clip: bool(row["problem"]) for clip, row in rows.items()} == {"Walk": False, "Swell": False, "Stand": True}
    assert "does not move" in rows["Stand"]["problem"] and not failures(out)
    made = {clip: out / row["sequence"] for clip, row in rows.items() if row["sequence"]}
    assert made["Walk"] == out / "deep" / "ball.glb.Walk.safetensors"
    ways = {clip: np.diff(load_file(file)["points"][[0, -1]].mean(axis=1), axis=0)[0] for clip, file in made.items()}
    assert ways["Walk"][0] > 1 and abs(ways["Walk"][1]) < 0.1 and ways["Swell"][1] > 1 and abs(ways["Swell"][0]) < 0.1
    told = {clip: provenance(file) for clip, file in made.items()}
    assert {clip: (facts["file"], facts["clip"]) for clip, facts in told.items()} == {
        clip: ("deep/ball.glb", clip) for clip in made
    }
    assert told["Walk"]["rigs"] == told["Swell"]["rigs"] and told["Walk"]["sha256"] == sha256(path)
    before = made["Walk"].stat().st_mtime_ns
    capsys.readouterr()
    assert run(folder, out, "--every-clip", "--views", "0", "--facing", "NEG_Y") == 0
    assert "0 written, 1 already there" in capsys.readouterr().err
    made["Swell"].unlink()
    assert run(folder, out, "--every-clip", "--views", "0", "--facing", "NEG_Y") == 0
    assert made["Swell"].exists() and made["Walk"].stat().st_mtime_ns == before


def walker(ways):
    """Return a ball with one animation for each path."""
    made = ball()
    made.location = (0, 0, 0)
    with_actions(made, {name: [(1, "location", (0, 0, 0)), (9, "location", (way, 0, 0))] for name, way in ways.items()})
    return made


@pytest.mark.parametrize(("option", "clip"), [((), "Slow"), (("--median-clip",), "Steady")])
def test_one_animation_is_chosen_by_how_much_it_moves(tmp_path, option, clip):
    walker({"Still": 0, "Slow": 1, "Fast": 9, "Steady": 3})
    export_glb(tmp_path / "in" / "ball.glb")
    assert run(tmp_path / "in", tmp_path / "out", "--views", "0", *option) == 0
    assert provenance(tmp_path / "out" / "ball.glb.safetensors")["clip"] == clip


def test_rest_before_and_after_a_motion_is_left_out(tmp_path):
    made = ball()
    keys = [(1, (0, 0, 0)), (11, (0, 0, 0)), (21, (4, 0, 0)), (31, (4, 0, 0))]
    with_actions(made, {"Late": [(frame, "location", place) for frame, place in keys]})
    export_glb(tmp_path / "in" / "late.glb")
    assert run(tmp_path / "in", tmp_path / "out", "--views", "0") == 0
    told = provenance(tmp_path / "out" / "late.glb.safetensors")
    assert told["span"] == [1, 31] and told["frames"] == [11, 21]
    points = load_file(tmp_path / "out" / "late.glb.safetensors")["points"].mean(axis=1)
    assert (np.linalg.norm(np.diff(points, axis=0), axis=1) > 0.05).all()


def test_the_whole_mesh_is_kept_and_is_what_the_points_are_on(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    assert run(tmp_path / "in", tmp_path / "out", "--faces") == 0
    made = tmp_path / "out" / "walk.glb.safetensors"
    arrays = load_file(made)
    vertices, faces = arrays["mesh_vertices"], arrays["mesh_faces"]
    assert vertices.shape == (5, 2 * PLACES, 3) and len(faces) == provenance(made)["triangles"]
    low, high = vertices[0].min(axis=0), vertices[0].max(axis=0)
    assert np.abs(low + high).max() < 1e-5 and (high - low).max() == pytest.approx(1.5, abs=1e-5)
    for pose, points in zip(vertices, arrays["points"], strict=True):
        tree = BVHTree.FromPolygons(pose.tolist(), faces.tolist())
        assert max(tree.find_nearest(point)[3] for point in points.tolist()) < 1e-4


def test_the_rest_pose_is_kept_without_bones_and_keys_and_leaves_the_rest_as_it_is(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    for name, options in (("without", ["--faces"]), ("with", ["--faces", "--rest"])):
        assert run(tmp_path / "in", tmp_path / name, *options) == 0
    plain, resting = (load_file(tmp_path / name / "walk.glb.safetensors") for name in ("without", "with"))
    rest = resting.pop("mesh_rest")
    assert resting.keys() == plain.keys()
    for name, array in plain.items():
        np.testing.assert_array_equal(resting[name], array, err_msg=name)
    moved = np.linalg.norm(plain["mesh_vertices"] - rest, axis=-1).mean(axis=1)
    assert rest.shape == plain["mesh_vertices"].shape[1:] and moved[-1] > 0.05


def test_a_rest_pose_needs_the_whole_mesh(tmp_path, capsys):
    save(tmp_path / "in", "walk.glb", *creature())
    assert run(tmp_path / "in", tmp_path / "out", "--rest") == 2
    assert "--rest was given without --faces" in capsys.readouterr().err


def test_a_long_body_is_turned_across_the_view(tmp_path):
    """A rod along Y moves ahead: it is seen from its side, unless the axis that it faces is given."""
    bpy.ops.mesh.primitive_cube_add()
    rod = bpy.context.object
    rod.scale = (0.2, 2, 0.3)
    for frame, place in ((1, 0.0), (9, -1.0)):
        rod.location.y = place
        rod.keyframe_insert("location", frame=frame)
    save(tmp_path / "in", "rod.glb", rod)
    sides = {}
    for facing in ("auto", "NEG_Y"):
        assert run(tmp_path / "in", tmp_path / facing, "--views", "1", "--faces", "--facing", facing) == 0
        arrays = load_file(tmp_path / facing / "rod.glb.safetensors")
        sides[facing] = np.ptp(arrays["mesh_vertices"][0], axis=0)
        shown = arrays["pictures"][0, 0, ..., 3] > 0
        wide = np.ptp(np.flatnonzero(shown.any(axis=0))) > 1.5 * np.ptp(np.flatnonzero(shown.any(axis=1)))
        assert wide == (facing == "auto")
    assert np.allclose(sides["auto"], (1.5, 0.225, 0.15), atol=1e-3)
    assert np.allclose(sides["NEG_Y"], (0.15, 0.225, 1.5), atol=1e-3)


def test_cameras_may_stand_all_around_each_in_its_own_light(tmp_path, monkeypatch):
    lights = []
    drawn = tracked_file.draw_light
    monkeypatch.setattr(tracked_file, "draw_light", lambda rng: lights.append(drawn(rng)) or lights[-1])
    save(tmp_path / "in", "walk.glb", *creature())
    run(tmp_path / "in", tmp_path / "out", "--around", "--views", "4", "--frames", "3", "--size", "64")
    arrays = load_file(tmp_path / "out" / "walk.glb.safetensors")
    yaws = np.degrees(np.arctan2(arrays["axes"][:, 2, 0], arrays["axes"][:, 2, 2])) % 360
    assert sorted((yaws // 90).astype(int)) == [0, 1, 2, 3] and np.isfinite(arrays["distances"]).all()
    assert min(visible(arrays, view).mean() for view in range(4)) > 0.98
    assert provenance(tmp_path / "out" / "walk.glb.safetensors")["yaw"] is None and len(set(lights)) == 4


def test_a_random_light_changes_colours_alone(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    pictures = []
    for out, options in (("studio", ()), ("other", ("--random-light",))):
        run(tmp_path / "in", tmp_path / out, "--frames", "2", *options)
        pictures.append(load_file(tmp_path / out / "walk.glb.safetensors")["pictures"].astype(int))
    studio, other = pictures
    both = (studio[..., 3] == 255) & (other[..., 3] == 255)
    assert np.abs(studio[..., 3] - other[..., 3]).mean() < 1
    assert np.abs(studio[both][:, :3] - other[both][:, :3]).mean() > 3


def test_a_subject_may_be_seen_from_any_side_and_that_side_is_told(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    for seed in ("0", "1"):
        run(tmp_path / "in", tmp_path / seed, "--turned", "--faces", "--seed", seed)
    one, two = (tmp_path / seed / "walk.glb.safetensors" for seed in ("0", "1"))
    assert np.array_equal(load_file(one)["mesh_vertices"], load_file(two)["mesh_vertices"])
    assert abs(provenance(one)["yaw"] - provenance(two)["yaw"]) > 1
    for path in (one, two):
        back = load_file(path)["axes"][0, 2]
        off = np.degrees(np.arctan2(back[0], back[2])) - provenance(path)["yaw"]
        assert abs((off + 180) % 360 - 180) < 16 and visible(load_file(path)).mean() > 0.98


def test_rigs_are_told_apart_whatever_is_hung_on_them(tmp_path):
    for name, place in (("one", 2), ("two", 2), ("other", 5)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        body, armature = dancing_rig()
        if name == "two":
            body.data.vertices[0].co *= 3
        bpy.context.view_layer.objects.active = armature
        bpy.ops.object.mode_set(mode="EDIT")
        third = armature.data.edit_bones.new("Third" if name != "other" else "Head")
        third.head, third.tail, third.parent = (0, 0, place), (0, 2, place), armature.data.edit_bones["Upper"]
        bpy.ops.object.mode_set(mode="OBJECT")
        export_glb(tmp_path / "in" / f"{name}.glb")
    run(tmp_path / "in", tmp_path / "out", "--views", "0")
    told = {
        name: set(provenance(tmp_path / "out" / f"{name}.glb.safetensors")["rigs"]) for name in ("one", "two", "other")
    }
    assert told["one"] & told["two"] and not told["one"] & told["other"], told


def test_still_files_can_be_kept(tmp_path):
    save(tmp_path / "in", "still.glb", ball())
    assert run(tmp_path / "in", tmp_path / "out", "--keep-still", "--views", "0") == 0
    arrays = load_file(tmp_path / "out" / "still.glb.safetensors")
    assert (arrays["points"] == arrays["points"][0]).all() and (np.diff(arrays["times"]) > 0).all()


def test_other_options_need_another_folder(tmp_path, capsys):
    save(tmp_path / "in", "walk.glb", *creature())
    assert run(tmp_path / "in", tmp_path / "out", "--views", "0") == 0
    assert run(tmp_path / "in", tmp_path / "out") == 2
    assert "other options (views 0)" in capsys.readouterr().err
    assert dataset.main([str(tmp_path / "nowhere"), str(tmp_path / "out")]) == 2
    assert dataset.main([str(tmp_path / "in"), str(tmp_path / "new"), "--frames", "1"]) == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("views", "full"), [("0", "walk.glb.safetensors"), ("1", "picture.png")])
def test_a_full_disk_stops_it_and_leaves_no_half_file(tmp_path, capsys, views, full):
    save(tmp_path / "in", "walk.glb", *creature())
    with full_disk(1024):
        assert run(tmp_path / "in", tmp_path / "out", "--views", views) == 2
    assert f"{full} cannot be written" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dataset.json"]
    assert run(tmp_path / "in", tmp_path / "out", "--views", views) == 0


def test_what_ended_blender_is_not_tried_again(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder, "walk.glb", *creature())
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from blender_addon import dataset; "
        "from blender_addon.scene import survey; "
        "survey.open_alone = lambda path: os._exit(11); dataset.main(sys.argv[2:])"
    )
    command = [sys.executable, "-c", code, str(Path(dataset.__file__).parents[1]), str(folder), str(out), *SMALL]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 11
    assert (out / ".reading").read_text() == "walk.glb"
    for _ in range(2):
        assert run(folder, out) == 0
        assert failures(out) == {"walk.glb": "Blender ended while reading it."}
        assert not (out / "walk.glb.safetensors").exists()
    (out / "failures.csv").unlink()
    assert run(folder, out) == 0 and (out / "walk.glb.safetensors").exists()


def test_what_the_user_stopped_is_tried_again(tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    save(tmp_path / "in", "walk.glb", *creature())
    with monkeypatch.context() as patched:
        patched.setattr(survey, "open_alone", stop)
        assert run(tmp_path / "in", tmp_path / "out") == 130
    assert "to continue" in capsys.readouterr().err and not (tmp_path / "out" / ".reading").exists()
    assert run(tmp_path / "in", tmp_path / "out") == 0 and not failures(tmp_path / "out")


def test_by_path_it_needs_nothing_but_blender(tmp_path):
    """It runs by its path, with the rest of the project out of reach."""
    save(tmp_path / "in", "walk.glb", *creature())
    command = [sys.executable, "-I", dataset.__file__, str(tmp_path / "in"), str(tmp_path / "out"), *SMALL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": ""})
    assert "1 written, 0 already there, 0 failed." in done.stderr, done.stderr
    assert load_file(tmp_path / "out" / "walk.glb.safetensors")["points"].shape == (5, 300, 3)


def test_arguments_after_two_dashes_are_ours():
    assert dataset.own_arguments(["blender", "-b", "--python", "dataset.py", "--", "in", "out"]) == ["in", "out"]
    assert dataset.own_arguments(["dataset.py", "in", "out"]) == ["in", "out"]


def test_same_file_same_numbers(tmp_path):
    save(tmp_path / "in", "walk.glb", *creature())
    for out in ("one", "two"):
        run(tmp_path / "in", tmp_path / out)
    one, two = (load_file(tmp_path / out / "walk.glb.safetensors") for out in ("one", "two"))
    assert all(np.array_equal(one[name], two[name]) for name in one)
