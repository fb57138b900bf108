"""What the artist sees is what the model gets, and what the model gives is what the artist sees, whatever lies between.

`missed` is the mean distance from the right result over the mean motion.
"""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from .scenes import link
from .seen_meshes import (
    SHEAR,
    animate,
    body,
    drawn,
    missed,
    missed_by_surface,
    placed,
    with_own_key,
    with_rig,
)

MOST = 0.05
TURN = Matrix.Rotation(1, 4, (1, 2, 3))


def modified(kind, **settings):
    def make():
        made = body()
        modifier = made.modifiers.new(kind.title(), kind)
        for name, value in settings.items():
            setattr(modifier, name, value)
        return made

    return make


def scaled(*scale):
    return lambda: placed(body(), Matrix.Diagonal((*scale, 1)))


def lattice():
    made = body()
    cage = bpy.data.objects.new("Cage", bpy.data.lattices.new("Cage"))
    bpy.context.scene.collection.objects.link(cage)
    cage.data.points_u = cage.data.points_v = cage.data.points_w = 3
    cage.scale = (3, 3, 5)
    for number, point in enumerate(cage.data.points):
        point.co_deform.x += 0.1 * (number % 5)
        point.co_deform.z += 0.05 * (number % 3)
    made.modifiers.new("Cage", "LATTICE").object = cage
    return made


def curve():
    made = body()
    line = bpy.data.curves.new("Path", "CURVE")
    line.dimensions = "3D"
    points = line.splines.new("BEZIER").bezier_points
    points.add(1)
    for point, place in zip(points, ((-3, 0, 0), (3, 0, 2)), strict=True):
        point.co, point.handle_left_type, point.handle_right_type = place, "AUTO", "AUTO"
    bend = made.modifiers.new("Path", "CURVE")
    bend.object, bend.deform_axis = link(line, "Path"), "POS_X"
    return made


def muted_key():
    made = with_own_key(body(), 1.0)
    made.shape_key_add(name="Off").points.foreach_set("co", np.zeros(3 * len(made.data.vertices), np.float32))
    made.data.shape_keys.key_blocks["Off"].value = 1
    made.data.shape_keys.key_blocks["Off"].mute = True
    return made


def relative_key():
    made = with_own_key(body(), 1.0)
    places = np.random.default_rng(0).normal(scale=0.05, size=(len(made.data.vertices), 3)).astype(np.float32)
    key = made.shape_key_add(name="More")
    shape = made.data.shape_keys.key_blocks["Body"]
    key.points.foreach_set("co", (np.array([point.co for point in shape.points]) + places).ravel())
    key.relative_key, key.value = shape, 0.7
    return made


def with_loose():
    made = body()
    made.data.vertices.add(1)
    made.data.vertices[-1].co = (0, 90, 0)
    return made


def hidden_modifier():
    made = body()
    made.modifiers.new("Off", "SIMPLE_DEFORM").show_viewport = False
    made.modifiers.new("Also", "SUBSURF").show_viewport = False
    return made


CASES = {
    "the object is stretched": scaled(1, 1, 2),
    "the object is stretched a lot": scaled(1, 1, 4),
    "the object is mirrored": scaled(-1, 1, 1),
    "the object is mirrored along its height": scaled(1, 1, -1),
    "the object is mirrored and stretched": scaled(-1, 2, 0.5),
    "a parent shears it": lambda: placed(body(), SHEAR),
    "a parent turns, stretches and shears it": lambda: placed(body(), TURN @ SHEAR @ Matrix.Diagonal((1, 3, -1, 1))),
    "an own shape key at 1 makes the body": lambda: with_own_key(body()),
    "an own shape key is in between": lambda: with_own_key(body(), 0.4),
    "a key is muted": muted_key,
    "a key is relative to another one": relative_key,
    "a rig poses it": lambda: with_rig(body()),
    "a rig is at rest": lambda: with_rig(body(), (0, 0, 0)),
    "a rig poses it and an own key makes the body": lambda: with_rig(with_own_key(body())),
    "a rig poses it under a stretched parent": lambda: placed(with_rig(body()), Matrix.Diagonal((1, 1, 2, 1))),
    "a lattice deforms it": lattice,
    "a curve deforms it": curve,
    "a modifier bends it": modified("SIMPLE_DEFORM", deform_method="BEND", deform_axis="Y", angle=0.8),
    "it is smoothed": modified("SMOOTH", factor=0.5, iterations=3),
    "it is displaced": modified("DISPLACE", strength=0.2),
    "subdivision": modified("SUBSURF", levels=2),
    "subdivision of a stretched object": lambda: placed(modified("SUBSURF", levels=1)(), Matrix.Diagonal((1, 1, 3, 1))),
    "a rig and subdivision": lambda: with_rig(modified("SUBSURF", levels=1)()),
    "solidify": modified("SOLIDIFY", thickness=0.1),
    "triangulate": modified("TRIANGULATE"),
    "weld": modified("WELD"),
    "modifiers are hidden in the viewport": hidden_modifier,
    "a vertex of no face far away, an own key and a rig": lambda: with_rig(with_own_key(with_loose())),
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=pytest.mark.fault(f"My mesh moves wrongly: {name}"))
        for name, make in CASES.items()
    ],
)
def test_the_motion_is_that_of_what_is_seen(make):
    target = make()
    rest = drawn(target, 10)
    written = animate(target)
    off = missed(target, rest)
    print(f"missed {off:.4f} {written.note}")
    assert off < MOST and written.note == ""


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            modified(kind, **settings),
            id=kind,
            marks=pytest.mark.fault(f"My mesh with a {kind} modifier moves wrongly"),
        )
        for kind, settings in (
            ("BEVEL", {"width": 0.03}),
            ("DECIMATE", {"ratio": 0.6}),
            ("REMESH", {"voxel_size": 0.15}),
        )
    ],
)
def test_the_motion_of_a_surface_that_modifiers_make_anew(make):
    target = make()
    rest = drawn(target, 10)
    assert animate(target).note == ""
    off = missed_by_surface(target, rest)
    print(f"missed {off:.4f}")
    assert off < MOST
