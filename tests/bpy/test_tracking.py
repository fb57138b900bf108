"""What is read from a moving scene: all meshes as one, as they are rendered, and signed distances from it."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.closed import is_closed, volume
from blender_addon.scene.distances import signed_distances
from blender_addon.scene.importing import let_viewport_be_as_render, open_alone
from blender_addon.scene.tracking import read_motion

from .creature import ball
from .scenes import link, patchwork


def volume_of_ball():
    """Return the volume for ten segments, six rings and radius 1: frusta over decagons."""
    angles = np.linspace(0, np.pi, 7)
    areas = 5 * np.sin(np.pi / 5) * np.sin(angles) ** 2
    below, above = areas[:-1], areas[1:]
    return float((-np.diff(np.cos(angles)) / 3 * (below + above + np.sqrt(below * above))).sum())


def test_all_meshes_and_instances_are_one_and_mirrored_ones_are_not_inside_out():
    ball("One")
    mirrored = ball("Two")
    mirrored.location, mirrored.scale = (9, 0, 0), (-1, 1, 1)
    group = bpy.data.collections.new("Group")
    group.objects.link(mirrored)
    instance = link(None, "Instance")
    instance.instance_type, instance.instance_collection, instance.location = "COLLECTION", group, (0, 20, 0)
    moving = read_motion(bpy.context.scene, [1])
    assert moving.vertices.shape == (1, 3 * 52, 3) and is_closed(moving.vertices[0], moving.triangles)
    assert volume(moving.vertices[0], moving.triangles) == pytest.approx(3 * volume_of_ball(), rel=1e-4)


def test_frames_between_whole_ones_are_read():
    cube = ball()
    for frame, place in ((1, 0.0), (2, 8.0)):
        cube.location.x = place
        cube.keyframe_insert("location", index=0, frame=frame)
    middle = read_motion(bpy.context.scene, [1, 1.5, 2]).vertices[:, :, 0].mean(axis=1)
    assert np.allclose(middle - middle[0], [0, 4, 8], atol=1e-4)


def test_vertices_of_no_face_count_neither_for_size_nor_place():
    subject = patchwork()
    moving = read_motion(bpy.context.scene, [1, 2])
    assert len(subject.data.vertices) == 9 and moving.vertices.shape == (2, 8, 3) and moving.vertices.max() == 2
    assert len(moving.triangles) == 2 + 1 + 3


def test_modifiers_count_as_in_renders():
    """A subdivision of another level in renders than in viewports."""
    made = ball()
    made.keyframe_insert("location", frame=1)
    subdivision = made.modifiers.new("Finer", "SUBSURF")
    subdivision.levels, subdivision.render_levels = 0, 1
    let_viewport_be_as_render(made)
    assert read_motion(bpy.context.scene, [1]).vertices.shape[1] > 200


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda made: setattr(made.modifiers.new("Build", "BUILD"), "frame_duration", 8),
            "frame 4 are not those of frame 2",
        ),
        (lambda made: made.modifiers.new("Hide", "MASK"), "no faces"),
        (lambda made: setattr(made.data.vertices[3], "co", (np.nan, 0, 0)), "finite"),
    ],
    ids=["changing", "empty", "nan"],
)
def test_what_cannot_be_tracked_is_said(spoil, sentence):
    made = ball()
    spoil(made)
    if made.modifiers and made.modifiers[0].type == "MASK":
        made.modifiers[0].vertex_group = made.vertex_groups.new(name="Nothing").name
    with pytest.raises(ArtistError, match=sentence):
        read_motion(bpy.context.scene, [2, 4])


def test_the_animations_of_a_file_are_found_the_first_first(tmp_path):
    made = ball()
    for name, last in (("Walk", 12), ("Run", 30)):
        made.animation_data_create().action = action = bpy.data.actions.new(name)
        for frame in (1, last):
            made.location.x = frame
            made.keyframe_insert("location", frame=frame)
        track = made.animation_data.nla_tracks.new()
        track.name = name
        track.strips.new(name, 1, action)
        made.animation_data.action = None
    path = tmp_path / "two.glb"
    bpy.ops.export_scene.gltf(filepath=str(path), export_animation_mode="NLA_TRACKS")
    assert [(clip.name, clip.span) for clip in open_alone(path).clips] == [("Walk", (1.0, 12.0)), ("Run", (1.0, 30.0))]


def test_a_script_has_no_leave_to_run(tmp_path):
    bpy.context.preferences.filepaths.use_scripts_auto_execute = True
    ball()
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "a.glb"))
    open_alone(tmp_path / "a.glb")
    assert bpy.context.preferences.filepaths.use_scripts_auto_execute is False


@pytest.mark.parametrize("outwards", [True, False])
def test_a_surface_with_a_gap_has_an_inside(outwards):
    """A ball without its cap: whichever way its normals point, only points near the gap may be on either side."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5)
    mesh = bpy.context.object.data
    vertices = np.array([vertex.co for vertex in mesh.vertices])
    triangles = np.array([polygon.vertices for polygon in mesh.polygons])
    kept = vertices[triangles][:, :, 2].max(axis=1) < 0.9
    triangles = triangles[kept] if outwards else triangles[kept][:, ::-1]
    assert 0.02 < 1 - kept.mean() < 0.2 and not is_closed(vertices, triangles)
    points = np.random.default_rng(0).uniform(-1.3, 1.3, (600, 3))
    radius = np.linalg.norm(points, axis=1)
    clear = (np.abs(radius - 1) > 0.05) & (points[:, 2] < 0.6)
    found = signed_distances(vertices, triangles, points, closed=False)
    assert clear.sum() > 300 and ((found < 0) == (radius < 1))[clear].all()


def test_overlapping_parts_count_as_their_union():
    """Two cubes with a common corner: in the overlap one is inside both."""
    cube = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([corners for a, b, c, d in squares for corners in ((a, b, c), (a, c, d))])
    assert volume(cube, triangles) > 0
    both, faces = np.concatenate([cube, cube + 1]), np.concatenate([triangles, triangles + 8])
    points = np.array([(0.5, 0.5, 0.5), (-0.5, -0.5, -0.5), (1.5, 1.5, 1.5), (1.5, 1.5, -0.5), (3, 1, 1)])
    assert np.allclose(signed_distances(both, faces, points), [-0.5, -0.5, -0.5, 0.5, 1])
    many = np.random.default_rng(0).uniform(-2, 3, (500, 3))
    inside = (np.abs(many) < 1).all(axis=1) | (np.abs(many - 1) < 1).all(axis=1)
    assert ((signed_distances(both, faces, many) < 0) == inside).all()
