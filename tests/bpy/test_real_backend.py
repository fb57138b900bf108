"""The operators with the real backend and the bundled clip, in one Blender without a window."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

import blender_addon
from blender_addon.process.backend_locator import sample_file
from blender_addon.scene.sample_mesh import add_mesh
from blender_addon.scene.source_render import plan_frames, render
from blender_addon.scene.viewing import read_picture
from blender_addon.session import job_list, thumbnail
from blender_addon.session.runner import runner
from blender_addon.workflow import animated_object, chosen_frames, clip_fit, submission
from tests.addon.pictures import png
from tests.bpy.addon import keys_of, selected_cube
from tests.bpy.scenes import evaluated
from tests.bpy.seen_meshes import drawn, halved, placed, select, twin_of, with_mirror, with_own_key, with_rig

pytestmark = pytest.mark.skipif(
    not os.environ.get("ACTIONMESH_PYTHON"), reason="ACTIONMESH_PYTHON names no Python of the backend"
)
CLIP = Path(__file__).resolve().parents[2] / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4"
OPS = bpy.ops.actionmesh


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Share one worker between all tests: loading it takes longest."""
    folder = tmp_path_factory.mktemp("home")
    before = os.environ.get("ACTIONMESH_HOME")
    os.environ["ACTIONMESH_HOME"] = str(folder)
    blender_addon.register()
    yield folder
    blender_addon.unregister()
    del os.environ["ACTIONMESH_HOME"]
    if before is not None:
        os.environ["ACTIONMESH_HOME"] = before


def test_a_look_shows_the_subject_and_knows_the_length(home):
    settings = bpy.context.scene.actionmesh
    settings.clip = str(CLIP)
    assert OPS.look() == {"FINISHED"}
    look = runner.state.look
    assert look.source == thumbnail.source_key(settings) and look.clip_frames == 24 and look.warning == ""
    assert chosen_frames.length(bpy.context.scene) == 24
    settings.frame_count = 12
    OPS.fit_clip()
    assert (settings.frame_step, settings.frame_count) == (3, 8)
    settings.clip = ""
    assert chosen_frames.length(bpy.context.scene) is None


def test_a_subject_that_was_pointed_at_is_tracked_once_and_animated_with_the_same_masks(home):
    settings = bpy.context.scene.actionmesh
    settings.clip, settings.frame_count = str(CLIP), 4
    OPS.look()
    width, height = map(int, runner.state.look.summary.split(", ")[1].split(" x "))
    part = f"{width // 2},1,{width - 1},{height - 1}"  # half of it, which the plain background's outline does not fit
    assert OPS.pick_subject(box=part) == {"FINISHED"}
    (strip,) = runner.state.strips
    assert [shown.position for shown in strip.shown] == [0, 1, 2, 3]
    masks = {path.name: path.read_bytes() for path in Path(strip.masks).iterdir()}
    assert len(masks) == 5
    assert OPS.animate_from_video() == {"FINISHED"}
    kept = job_list.records(True)[0].folder / "result_masks"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == masks


def test_two_subjects_of_one_clip_become_two_objects(home, tmp_path):
    frames = tmp_path / "play"
    frames.mkdir()
    for number in range(2):
        discs = np.full((64, 128, 4), 255, np.uint8)
        rows, columns = np.mgrid[:64, :128]
        for middle, radius, colour in ((32 + 4 * number, 14, (200, 40, 40)), (96, 22, (40, 60, 200))):
            discs[(rows - 32) ** 2 + (columns - middle) ** 2 < radius**2, :3] = colour
        (frames / f"{number}.png").write_bytes(png(discs[..., :3]))
    settings = bpy.context.scene.actionmesh
    settings.source, settings.images, settings.frame_count, settings.shape = "IMAGES", str(frames), 2, "relief"
    assert OPS.pick_subject(box="14,14,56,50") == {"FINISHED"}
    assert OPS.pick_subject(box="72,8,120,56", subject=2) == {"FINISHED"}
    assert OPS.animate_from_video() == {"FINISHED"}
    masks = []
    for record in sorted(job_list.records(True)[:2], key=lambda record: record.title):
        found = sorted((record.folder / "result_masks").glob("*.png"))
        masks.append(read_picture(found[0])[..., 0] > 127)
    assert {"play 1", "play 2"} <= {item.name for item in bpy.data.objects}
    (_rows, left), (_others, right) = (np.nonzero(mask) for mask in masks)
    assert left.max() < 64 < right.min() and masks[1].sum() > 1.5 * masks[0].sum()


def test_the_sample_moves_as_its_clip(home):
    assert OPS.try_it() == {"FINISHED"}
    made = bpy.data.objects["Sample"]
    assert keys_of(made) == 16 and clip_fit.fit_of(made).overlap > 0.8
    poses = np.stack([evaluated(made, frame) for frame in range(1, 38, 4)])
    assert np.ptp(poses, axis=0).max() > 0.2, "its wings beat"


def test_the_bundled_clip_becomes_a_new_object(home):
    settings = bpy.context.scene.actionmesh
    settings.frame_count = 4
    assert OPS.animate_from_video(filepath=str(CLIP), seed=3) == {"FINISHED"}
    made = bpy.data.objects["clip"]
    assert keys_of(made) == 4 and animated_object.animation_of(made).provenance["checkpoint"] == "toy"
    assert runner.state.machine.devices and runner.state.worker == "ready"


def test_the_bundled_clip_moves_a_selected_mesh(home):
    target = selected_cube()
    bpy.context.scene.actionmesh.frame_count = 4
    rest = np.array([vertex.co for vertex in target.data.vertices])
    assert OPS.animate_selected(filepath=str(CLIP)) == {"FINISHED"}
    assert keys_of(target) == 4
    assert np.array_equal([vertex.co for vertex in target.data.shape_keys.key_blocks["ActionMesh 0001"].points], rest)
    assert not np.allclose(
        [vertex.co for vertex in target.data.shape_keys.key_blocks["ActionMesh 0003"].points], rest, atol=1e-3
    )


def test_the_reference_poses_of_a_selected_mesh_depart_as_they_say(home):
    settings, reference = bpy.context.scene.actionmesh, 2
    settings.frame_count, settings.anchor = 4, reference
    target = selected_cube()
    rest = np.array([vertex.co for vertex in target.data.vertices])
    poses = {}
    for pose in ("corrected", "published", "decoded"):
        settings.reference_pose = pose
        assert OPS.animate_selected(filepath=str(CLIP)) == {"FINISHED"}
        keys = target.data.shape_keys.key_blocks
        poses[pose] = np.array(
            [[point.co for point in keys[f"ActionMesh {number:04d}"].points] for number in range(1, 5)]
        )
    corrected, published, decoded = poses.values()
    assert np.array_equal(corrected[reference], rest) and np.array_equal(published[reference], rest)
    assert np.abs(decoded[reference] - rest).max() > 1e-3
    np.testing.assert_array_equal(np.delete(published, reference, 0), np.delete(decoded, reference, 0))
    np.testing.assert_allclose(corrected, decoded - decoded[reference] + rest, atol=1e-5)


def wings():
    """Return the sample mesh, which surrounds the origin and is symmetric."""
    made = add_mesh(bpy.context, sample_file(submission.SAMPLE_MESH), "Sample")
    made.location = (0, 0, 0)
    bpy.context.view_layer.update()
    return made


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda: placed(with_rig(with_own_key(wings())), Matrix.Diagonal((1, 1, 2, 1))),
            id="own key, rig and stretched parent",
            marks=pytest.mark.fault("My stretched, rigged mesh with an own key moves otherwise than with all applied"),
        ),
        pytest.param(
            lambda: with_mirror(halved(wings())),
            id="mirror",
            marks=pytest.mark.fault("Half a mesh with a Mirror modifier moves otherwise than with it applied"),
        ),
    ],
)
def test_what_is_seen_moves_as_if_all_were_applied(home, make):
    """Without match, whose sides differ: a mirror shows the mean of both."""
    target, settings = make(), bpy.context.scene.actionmesh
    settings.frame_count, settings.match = 4, "off"
    rest, poses = drawn(target), []
    twin = twin_of(target)
    for item in (target, twin):
        select(item)
        assert OPS.animate_selected(filepath=str(sample_file(submission.SAMPLE_CLIP)), seed=3) == {"FINISHED"}
        frames = animated_object.animation_of(item).frames
        poses.append(np.stack([drawn(item, frame) for frame in frames]))
    off = np.linalg.norm(poses[0] - poses[1], axis=2).mean() / np.linalg.norm(poses[1] - rest, axis=2).mean()
    print(f"missed {off:.4f}")
    assert off < 0.05


@pytest.fixture(scope="module")
def dancers(tmp_path_factory):
    """Return pictures of a lopsided creature that nods, seen from -Y, and the creature as in the first picture."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, source = bpy.context.scene, lopsided()
    key = source.shape_key_add(name="Basis").id_data
    nod = source.shape_key_add(name="Nod")
    for rest, moved in zip(source.data.vertices, nod.points, strict=True):
        moved.co = rest.co + Vector((0.25 * rest.co.z, 0, 0.15 * rest.co.x))
    for frame, value in ((1, 0.0), (5, 1.0)):
        key.key_blocks["Nod"].value = value
        key.key_blocks["Nod"].keyframe_insert("value", frame=frame)
    folder = tmp_path_factory.mktemp("pictures")
    plan, names = plan_frames(scene, source, list(range(1, 6)), facing="NEG_Y")
    for _ in render(plan, names, folder):
        pass
    return folder


def lopsided(name="Creature"):
    """Return a body with a head in front and one arm: no side looks like another."""
    parts = []
    for place, size in (
        ((0, 0, 0), (0.5, 0.9, 0.45)),
        ((0, -0.9, 0.6), (0.3, 0.35, 0.3)),
        ((0.75, 0.2, 0.35), (0.4, 0.12, 0.12)),
    ):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12)
        part = bpy.context.object
        part.data.transform(Matrix.Translation(place) @ Matrix.Diagonal((*size, 1)))
        parts.append(part)
    with bpy.context.temp_override(active_object=parts[0], selected_editable_objects=parts):
        bpy.ops.object.join()
    parts[0].name = name
    select(parts[0])
    return parts[0]


def nods(settings, pictures, match):
    settings.source, settings.images, settings.match = "IMAGES", str(pictures), match
    settings.frame_count, settings.start_at = 5, "FIRST"


def places(target, frames):
    """Return world positions, (N, V, 3)."""
    world = np.array(target.matrix_world)
    return np.array([evaluated(target, frame) for frame in frames]) @ world[:3, :3].T + world[:3, 3]


@pytest.mark.parametrize(("match", "most"), [("off", 0.2), ("track", 0.06)])
def test_the_motion_in_the_world_is_the_same_however_the_mesh_was_modelled(home, dancers, match, most):
    """One mesh faces -Y; the other was modelled facing +X but stands the same way. One facing is found, one given."""
    scene = bpy.context.scene
    nods(scene.actionmesh, dancers, match)
    found = {}
    for name, angle, facing in (("Front", 0, "AUTO"), ("Right", 90, "AUTO"), ("Told", 90, "POS_X")):
        target = lopsided(name)
        target.data.transform(Matrix.Rotation(np.radians(angle), 4, "Z"))
        target.rotation_euler.z, target.location = -np.radians(angle), (3, 0, 1)
        target.actionmesh.facing = facing
        assert OPS.animate_selected() == {"FINISHED"}
        told = clip_fit.fit_of(target)
        assert not told.notes and told.way == match
        assert told.agreement is None if (match, facing) == ("off", "POS_X") else told.agreement > 0.94
        assert told.facing == pytest.approx(0 if name == "Told" else angle, abs=3)
        front = clip_fit.front_and_up(target)[0] @ np.array(target.matrix_world)[:3, :3].T
        np.testing.assert_allclose(front, (0, -1, 0), atol=0.06)
        found[name] = places(target, range(1, 6))
    travelled = np.linalg.norm(found["Front"][-1] - found["Front"][0], axis=1).mean()
    assert travelled > 0.02
    for name in ("Right", "Told"):
        apart = np.linalg.norm(found[name] - found["Front"], axis=2)
        assert apart.mean() < most * travelled, f"{name}: {apart.mean() / travelled:.3f}"


def test_the_mesh_lies_on_the_film_through_the_clips_camera(home, dancers):
    """The mesh follows the nod; through the camera that was found, it covers what the pictures show."""
    scene, target = bpy.context.scene, lopsided()
    nods(scene.actionmesh, dancers, "track")
    OPS.animate_selected()
    assert clip_fit.fit_of(target).overlap > 0.93
    assert OPS.add_camera() == {"FINISHED"}
    made, pictures = scene.camera, sorted(dancers.glob("*.png"))
    for frame in (1, 3, 5):
        alpha = read_picture(pictures[frame - 1])[..., 3]
        places_seen = [world_to_camera_view(scene, made, Vector(place)) for place in places(target, [frame])[0]]
        columns, rows = np.array([(place.x, 1 - place.y) for place in places_seen]).T * [
            [alpha.shape[1]],
            [alpha.shape[0]],
        ]
        ys, xs = np.nonzero(alpha > 127)
        box, drawn = (
            (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1),
            (columns.min(), columns.max(), rows.min(), rows.max()),
        )
        np.testing.assert_allclose(drawn, box, atol=0.02 * alpha.shape[1])


def test_matching_again_needs_no_networks_and_takes_another_way(home, dancers):
    scene, target = bpy.context.scene, lopsided()
    nods(scene.actionmesh, dancers, "off")
    OPS.animate_selected()
    before = places(target, [5])
    assert clip_fit.summary(clip_fit.fit_of(target)) == "Not matched to the clip"
    assert OPS.match_again(match="track") == {"FINISHED"}
    assert clip_fit.summary(clip_fit.fit_of(target)).endswith("% (from the mesh)")
    stages = set(job_list.records(True)[0].timings)
    assert "following" in stages and not stages & {"reference", "motion", "correspondence"}
    assert np.abs(places(target, [5]) - before).max() > 0.01


def test_a_new_object_has_as_many_faces_as_were_allowed(home):
    settings = bpy.context.scene.actionmesh
    settings.frame_count, settings.max_faces, settings.image_steps, settings.smallest_part = 4, 300, 2, 50
    assert OPS.animate_from_video(filepath=str(CLIP)) == {"FINISHED"}
    assert 100 < len(bpy.context.active_object.data.polygons) <= 300


def test_so_few_faces_are_told_in_a_sentence(home):
    bpy.context.scene.actionmesh.max_faces = 3
    with pytest.raises(RuntimeError, match="The largest number of faces is 3. Use a whole number from 4 to"):
        OPS.animate_from_video(filepath=str(CLIP))


def test_a_clip_that_is_no_clip_is_told_in_a_sentence(home, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(RuntimeError, match="broken.mp4"):
        OPS.animate_from_video(filepath=str(broken))
    bpy.context.scene.actionmesh.clip = str(broken)
    with pytest.raises(RuntimeError, match="broken.mp4"):
        OPS.look()


def test_colours_of_the_clip_reach_a_new_object_and_a_selected_mesh(home, dancers):
    scene, target = bpy.context.scene, lopsided()
    uv_maps = [layer.name for layer in target.data.uv_layers]
    nods(scene.actionmesh, dancers, "track")
    scene.actionmesh.colours = True
    OPS.animate_selected()
    assert target.actionmesh.clip_colours and [layer.name for layer in target.data.uv_layers][: len(uv_maps)] == uv_maps
    OPS.animate_from_video()
    for made in (target, bpy.context.active_object):
        texture = next(node for node in made.data.materials[-1].node_tree.nodes if node.type == "TEX_IMAGE")
        assert texture.image.packed_file and min(texture.image.size) > 100
        shown = np.array(texture.image.pixels[:]).reshape(-1, 4)[:, :3]
        assert 0.05 < shown.mean() < 0.95 and shown.std() > 0.01
