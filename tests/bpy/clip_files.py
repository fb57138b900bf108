"""Files with several animations, as Blender writes them."""

import bpy
import numpy as np

from .creature import ball, rig

WRONG_KEYS_IN_TRACKS = (5, 1)
"""From this version on, Blender writes the last value of a shape key for all of an NLA track."""


def with_actions(item, actions, owner=None):
    """Give an object, or its shape keys, actions on separate NLA tracks: {name: [(frame, property, value)]}.

    Where an action may have several owners, those of one name share it.
    """
    owner = owner or item
    owner.animation_data_create()
    for name, keys in actions.items():
        owner.animation_data.action = action = shared(name) or bpy.data.actions.new(name)
        for frame, path, value in keys:
            target, _, attribute = path.rpartition(".")
            holder = owner.path_resolve(target) if target else owner
            setattr(holder, attribute, value)
            holder.keyframe_insert(attribute, frame=frame)
        stash(owner, name, action)
    owner.animation_data.action = None


def shared(name):
    return bpy.data.actions.get(name) if hasattr(bpy.types, "ActionSlot") else None


def stash(owner, name, action):
    track = owner.animation_data.nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, 1, action)
    if hasattr(strip, "action_slot") and strip.action_slot is None:
        strip.action_slot = owner.animation_data.action_slot
    owner.animation_data.action = None


def moving_ball(name="Ball"):
    """Return a ball with three animations: it walks along X, it stands, and it walks while a shape key swells it."""
    made = ball(name)
    made.location = (0, 0, 0)
    made.shape_key_add(name="Basis")
    swollen = made.shape_key_add(name="Swollen")
    for point in swollen.data:
        point.co = 2 * point.co
    walk = [(1, "location", (0, 0, 0)), (13, "location", (6, 0, 0))]
    stand = [(1, "location", (0, 0, 0)), (9, "location", (0, 0, 0))]
    swell = [(1, "location", (0, 0, 0)), (21, "location", (0, 0, 4))]
    with_actions(made, {"Walk": walk, "Stand": stand, "Swell": swell})
    path = 'key_blocks["Swollen"].value'
    with_actions(made, {"Swell": [(1, path, 0.0), (21, path, 1.0)]}, made.data.shape_keys)
    return made


def dancing_rig():
    """Return a ball on two bones: both turn in "Both", the upper one alone in "Upper"."""
    body = ball("Body")
    armature = rig(body)
    armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = (0, 0, 0)
    upper = [
        (1, 'pose.bones["Upper"].rotation_euler', (0, 0, 0)),
        (11, 'pose.bones["Upper"].rotation_euler', (0.5, 0, 0)),
    ]
    lower = [
        (1, 'pose.bones["Lower"].rotation_euler', (1, 0, 0)),
        (11, 'pose.bones["Lower"].rotation_euler', (1.5, 0, 0)),
    ]
    with_actions(armature, {"Both": upper + lower, "Upper": upper})
    return body, armature


def export_glb(path, sparse=False):
    """Export a GLB file; a sparse file leaves out what does not move in an animation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = any(key.animation_data for key in bpy.data.shape_keys)
    bpy.ops.export_scene.gltf(
        filepath=str(path),
        export_animation_mode="ACTIONS" if keys and bpy.app.version >= WRONG_KEYS_IN_TRACKS else "NLA_TRACKS",
        export_optimize_animation_size=sparse,
        export_optimize_animation_keep_anim_armature=not sparse,
        export_optimize_animation_keep_anim_object=not sparse,
        export_force_sampling=not sparse,
    )
    return path


def export_fbx(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.export_scene.fbx(filepath=str(path), bake_anim_use_nla_strips=True, bake_anim_use_all_actions=False)
    return path


def centre(moving):
    """Return the centres of a motion's bounding boxes, (T, 3)."""
    return np.array([(pose.min(axis=0) + pose.max(axis=0)) / 2 for pose in moving.vertices])
