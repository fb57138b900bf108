"""What the model cannot see, or keys cannot move, is refused with a sentence, and its button mends it."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import TargetError
from blender_addon.motion.result_file import Motion
from blender_addon.scene import stand_in
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.seen import see
from blender_addon.scene.shape_keys import write_motion
from blender_addon.scene.targets import check_target
from blender_addon.session.runner import runner
from tests.bpy.addon import clip, keys_of, selected_cube

from .scenes import link
from .seen_meshes import (
    POSES,
    REFERENCE,
    START,
    animate,
    body,
    drawn,
    field,
    missed,
    missed_by_surface,
    to_model,
    with_own_key,
    with_rig,
)

OPS = bpy.ops.actionmesh
APPLY = "actionmesh.apply_to_copy"


def with_nodes(made, *kinds):
    """Add a chain of geometry nodes; one without a geometry input brings its own."""
    tree = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    last = tree.nodes.new("NodeGroupInput")
    for kind in kinds:
        node = tree.nodes.new(kind)
        if node.inputs and node.inputs[0].type == "GEOMETRY":
            tree.links.new(last.outputs[0], node.inputs[0])
        last = node
    tree.links.new(last.outputs[0], tree.nodes.new("NodeGroupOutput").inputs[0])
    made.modifiers.new("Nodes", "NODES").node_group = tree
    made.data.update()
    return made


def with_modifier(kind, **settings):
    made = body()
    modifier = made.modifiers.new(kind.title(), kind)
    for name, value in settings.items():
        setattr(modifier, name, value)
    return made


def held_by_a_wrap():
    made, wall = body(), selected_cube("Wall")
    bind = made.modifiers.new("Follow", "SURFACE_DEFORM")
    bind.target = wall
    with bpy.context.temp_override(object=made, active_object=made):
        bpy.ops.object.surfacedeform_bind(modifier="Follow")
    return made


def with_loose():
    """Return a body and a faceless vertex far away."""
    made = body()
    made.data.vertices.add(1)
    made.data.vertices[-1].co = (0, 0, 90)
    return made


def masked():
    made = with_modifier("MASK")
    made.modifiers[0].vertex_group = made.vertex_groups.new(name="Nothing").name
    return made


def flat():
    made = body()
    made.scale.y = 0
    return made


@pytest.mark.parametrize(
    "make, problem, fix",
    [
        pytest.param(
            lambda: with_nodes(body(), "GeometryNodeMeshCube"),
            "The modifiers of Body (Nodes) show another mesh instead of its own.",
            APPLY,
            marks=pytest.mark.fault("Geometry Nodes replace my mesh by a cube, and the job FINISHED"),
        ),
        pytest.param(
            lambda: with_nodes(body(), "GeometryNodeMeshUVSphere"),
            "The modifiers of Body (Nodes) show another mesh instead of its own.",
            APPLY,
            marks=pytest.mark.fault("Geometry Nodes put another sphere where mine is, and keys do not move it"),
        ),
        pytest.param(
            lambda: with_nodes(with_loose(), "GeometryNodeMeshCube"),
            "The modifiers of Body (Nodes) show another mesh instead of its own.",
            APPLY,
            marks=pytest.mark.fault("A loose vertex far away, and nodes that replace my mesh are taken for near it"),
        ),
        pytest.param(
            lambda: with_nodes(body(), "GeometryNodeMeshToPoints"),
            "Body shows no faces of a mesh after its modifiers.",
            None,
            marks=pytest.mark.fault("Geometry Nodes leave only points of my mesh"),
        ),
        pytest.param(
            masked,
            "Body shows no faces of a mesh after its modifiers.",
            None,
            marks=pytest.mark.fault("A Mask hides the whole mesh"),
        ),
        pytest.param(
            lambda: with_modifier("CLOTH"),
            "Body is moved by the simulation 'Cloth', which would move it again on top.",
            APPLY,
            marks=pytest.mark.fault("My mesh is cloth, and the simulation plays on top of the keys"),
        ),
        pytest.param(
            held_by_a_wrap,
            "The modifiers of Body (Follow) alone decide where it appears: shape keys would not move it.",
            APPLY,
            marks=pytest.mark.fault("My mesh is bound to another one, which keys do not move, and the job FINISHED"),
        ),
        pytest.param(
            flat,
            "Body has no usable shape: it is scaled flat.",
            None,
            marks=pytest.mark.fault("My object is scaled to 0 along an axis"),
        ),
        pytest.param(
            lambda: with_modifier("SHRINKWRAP"),
            None,
            None,
            marks=pytest.mark.fault("A Shrinkwrap without a target is no reason to refuse"),
        ),
    ],
)
def test_refused(make, problem, fix):
    target = make()
    if problem is None:
        see(target, True)
        return
    with pytest.raises(TargetError) as raised:
        see(target, True)
    assert (raised.value.problem, raised.value.fix) == (problem, fix) and raised.value.cure
    assert not [item for item in (*bpy.data.objects, *bpy.data.meshes) if "Probe" in item.name]


@pytest.mark.fault("I pinned a shape key, and another shape was animated")
@pytest.mark.parametrize("index, value, refused", [(1, 0.0, True), (1, 1.0, False), (0, 1.0, True), (0, 0.0, False)])
def test_a_pinned_key_that_hides_others_is_refused(index, value, refused):
    target = with_own_key(body(), value)
    target.active_shape_key_index, target.show_only_shape_key = index, True
    if not refused:
        see(target, True)
        return
    with pytest.raises(
        TargetError, match=f"Body shows only its shape key '{('Basis', 'Body')[index]}', which is pinned"
    ):
        see(target, True)


@pytest.mark.fault("My mesh is pressed onto another, and moves otherwise than the clip without a word")
def test_a_mesh_that_is_pressed_onto_another_moves_along_it():
    wall = selected_cube("Wall", size=20, location=(0, 0, -14))
    target = with_modifier(
        "SHRINKWRAP", target=wall, wrap_method="PROJECT", use_negative_direction=True, use_project_z=True
    )
    rest = drawn(target, 10)
    assert np.ptp(rest[:, 2]) < 1e-4
    written = animate(target)
    assert "misses the motion by" in written.note and "block it" in written.note
    assert np.ptp(drawn(target, 14)[:, 2]) < 1e-3


@pytest.mark.fault("Geometry Nodes move or refine my mesh, and its motion is wrong")
@pytest.mark.parametrize(
    "kinds", [("GeometryNodeSetPosition",), ("GeometryNodeSubdivisionSurface",), ("GeometryNodeTriangulate",)]
)
def test_geometry_nodes_that_keep_the_mesh_are_carried_through(kinds):
    target = with_nodes(body(), *kinds)
    rest = drawn(target, 10)
    assert animate(target).note == "" and missed(target, rest) < 0.05


@pytest.mark.fault("Geometry Nodes make a new skin near my mesh, and its motion is wrong")
def test_geometry_nodes_that_make_a_surface_near_it():
    target = with_nodes(body(), "GeometryNodeMeshToVolume", "GeometryNodeVolumeToMesh")
    volume = target.modifiers["Nodes"].node_group.nodes["Mesh to Volume"]
    volume.inputs["Voxel Amount"].default_value = 64
    target.data.update()
    rest = drawn(target, 10)
    assert len(rest) > 500
    animate(target)
    assert missed_by_surface(target, rest) < 0.08


@pytest.mark.fault("A message says what to do and has no button for it")
def test_the_button_makes_a_copy_that_can_be_animated(addon):
    target = with_nodes(body(), "GeometryNodeMeshCube")
    target.scale = (1, 2, 3)
    seen = drawn(target)
    with pytest.raises(RuntimeError, match="another mesh instead of its own"):
        OPS.animate_selected(filepath=clip(addon))
    assert runner.state.problem.fix == APPLY and runner.state.problem.label == "Apply Modifiers to a Copy"
    assert OPS.mend() == {"FINISHED"}
    copy = bpy.context.active_object
    assert copy.name == "Body (applied)" and target.hide_get() and not copy.modifiers and len(target.modifiers) == 1
    assert np.abs(drawn(copy) - seen).max() < 1e-6 and bpy.context.selected_objects == [copy]
    assert OPS.animate_selected(filepath=clip(addon)) == {"FINISHED"} and keys_of(copy) == 5 and keys_of(target) == 0


def test_a_mesh_without_faces_does_not_keep_the_others_from_being_copied(addon):
    whole, empty = body(), masked()
    empty.name = "Empty"
    for each in (whole, empty):
        each.select_set(True)
    assert OPS.apply_to_copy() == {"FINISHED"}
    assert [copy.name for copy in bpy.context.selected_objects] == [f"{whole.name} (applied)"]
    assert whole.hide_get() and not empty.hide_get()
    bpy.ops.object.select_all(action="DESELECT")
    empty.select_set(True)
    with pytest.raises(RuntimeError, match="Empty shows no faces"):
        OPS.apply_to_copy()


def test_an_own_key_and_a_rig_are_applied_to_a_copy_too(addon):
    target = with_rig(with_own_key(body()))
    seen = drawn(target)
    target.select_set(True)
    assert OPS.apply_to_copy() == {"FINISHED"}
    copy = bpy.context.active_object
    assert copy.data.shape_keys is None and np.abs(drawn(copy) - seen).max() < 1e-6


@pytest.mark.fault("I selected a collection instance, and was told nothing")
def test_a_collection_instance_is_refused(addon):
    collection = bpy.data.collections.new("Kit")
    collection.objects.link(bpy.data.objects.new("Part", selected_cube().data))
    instance = bpy.data.objects.new("Instance", None)
    bpy.context.scene.collection.objects.link(instance)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    with pytest.raises(TargetError) as raised:
        check_target(instance)
    assert raised.value.problem == "Instance shows the collection Kit and has no mesh of its own."
    assert raised.value.fix == "object.duplicates_make_real"
    bpy.ops.object.select_all(action="DESELECT")
    instance.select_set(True)
    with pytest.raises(RuntimeError, match="Instance shows a collection and has no mesh of its own"):
        OPS.animate_selected(filepath=clip(addon))


@pytest.mark.fault("Two objects share a mesh, and both would move")
def test_a_mesh_of_two_objects_is_refused_and_mended(addon):
    target = selected_cube()
    link(target.data, "Twin")
    with pytest.raises(RuntimeError, match="has 2 users, which would all move"):
        OPS.animate_selected(filepath=clip(addon))
    assert OPS.mend() == {"FINISHED"} and OPS.animate_selected(filepath=clip(addon)) == {"FINISHED"}
    assert keys_of(target) == 5 and keys_of(bpy.data.objects["Twin"]) == 0


@pytest.mark.fault("A linked mesh cannot take keys")
def test_a_linked_mesh_is_refused(addon, tmp_path):
    target = with_rig(body("Linked"))
    path = tmp_path / "library.blend"
    bpy.data.libraries.write(str(path), {target})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, into):
        into.objects = ["Linked"]
    bpy.context.scene.collection.objects.link(into.objects[0])
    into.objects[0].select_set(True)
    with pytest.raises(RuntimeError, match="Linked is linked from"):
        OPS.animate_selected(filepath=clip(addon))


@pytest.mark.fault("A mesh in Edit Mode shows no modifiers, and the wrong shape was animated")
def test_a_mesh_in_edit_mode_is_refused(addon):
    target = with_own_key(body())
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Body is being edited"):
        OPS.animate_selected(filepath=clip(addon))
    assert OPS.mend() == {"FINISHED"} and target.mode == "OBJECT"


@pytest.mark.fault("Looking at my mesh put the rig back into its keyed pose")
def test_a_pose_without_keyframes_stays_and_counts():
    target = with_rig(body())
    upper = target.modifiers["Rig"].object.pose.bones["Upper"]
    for frame in (1, 20):
        upper.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.scene.frame_set(10)
    upper.rotation_euler = (0, 0, 1.2)
    seen = drawn(target)
    carry = see(target, True).carry
    assert np.abs(carry.shown - seen).max() < 1e-5 and tuple(upper.rotation_euler) == pytest.approx((0, 0, 1.2))
    assert np.abs(drawn(target) - seen).max() < 1e-6


@pytest.mark.fault("An object that is hidden in viewports was shown to the model without its modifiers")
def test_a_hidden_object_is_seen_as_it_would_be_drawn():
    target = with_rig(body())
    seen = drawn(target)
    target.hide_viewport = True
    bpy.context.view_layer.update()
    assert np.abs(see(target, True).carry.shown - seen).max() < 1e-5 and target.hide_viewport


@pytest.mark.fault("A mesh with 12 million drawn vertices takes all memory")
def test_subdivision_is_shown_coarser_where_it_makes_very_many(monkeypatch):
    target = with_modifier("SUBSURF", levels=3)
    monkeypatch.setattr(stand_in, "MOST_VERTICES", 1000)
    rest = drawn(target, 10)
    assert len(rest) > 10_000 and len(see(target, True).carry.shown) < 1000
    animate_and_miss(target, rest)
    assert target.modifiers[0].levels == 3


def animate_and_miss(target, rest):
    """Make the motion for what was shown, and measure it on what is drawn."""
    seen = see(target, True)
    shown = seen.carry.shown.astype(np.float64)
    poses = np.stack([to_model(field(shown, pose), "NEG_Y") for pose in range(POSES)]).astype(np.float32)
    motion = Motion(poses, seen.triangles, np.arange(POSES) / 24.0, REFERENCE, np.arange(POSES), {})
    assert write_motion(target, motion, WriteOptions(START, 24, carry=seen.carry)).note == ""
    assert missed(target, rest) < 0.05
