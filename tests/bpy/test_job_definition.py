"""The panel against the one definition of a job, `protocol.job`: its fields, its choices and its limits."""

from dataclasses import fields

import bpy
import pytest

from blender_addon.menus import (
    AUTO_VIDEO,
    LOOPS,
    MATCHES,
    MEMORY,
    MODES,
    PRESETS,
    REFERENCE_POSES,
    SHAPES,
    VIDEO_MODELS,
)
from blender_addon.motion.weights import Loop
from blender_addon.process.backend_locator import protocol, public
from blender_addon.scene.options import Mode

IN_PANEL = {
    "clip": "clip",
    "mask": "masks",
    "anchor": "anchor",
    "fps": "image_rate",
    "start": "frame_start",
    "count": "frame_count",
    "step": "frame_step",
    "spread": "frame_count",
    "preset": "preset",
    "seed": "seed",
    "in_betweens": "in_betweens",
    "image_steps": "image_steps",
    "max_faces": "max_faces",
    "smallest_part": "smallest_part",
    "match": "match",
    "bend": "bend",
    "shape": "shape",
    "colours": "colours",
    "reference_pose": "reference_pose",
    "memory": "memory",
    "checkpoint": "checkpoint",
    "prompt": "prompt",
    "picture": "clip_picture",
    "video_model": "video_model",
}
"""The fields of a job that the panel sets, with the setting of each."""
ELSEWHERE = {
    "out": "a file in the job's folder",
    "frames": "start, count, step and spread",
    "mesh": "the selected object",
    "facing": "a setting of each object",
    "device": "a preference",
    "known": "the command line alone",
    "steps": "the command line alone",
    "picks": "the settings `picks`, see Pick Subject",
    "masks_from": "the folder of the subject that was tracked",
    "guidance": "the command line alone",
    "quantise": "the command line alone; an export has its own",
    "names": "the worker that passes messages on to another computer",
    "clip_frames": "the command line alone",
    "clip_steps": "the command line alone",
    "clip_guidance": "the command line alone",
    "clip_side": "the command line alone",
}
PRESETS_OWN = {"image_steps", "max_faces"}
"""Settings of which 0 stands for the preset's value."""
FIELDS = {**protocol.limits(protocol.Generate), **protocol.limits(protocol.FrameChoice)}


def setting(name):
    return bpy.context.scene.actionmesh.bl_rna.properties[IN_PANEL[name]]


def test_every_field_of_a_job_has_its_place(addon):
    names = {item.name for record in (protocol.Generate, protocol.FrameChoice) for item in fields(record)}
    assert names == {*IN_PANEL, *ELSEWHERE} and not set(IN_PANEL) & set(ELSEWHERE)
    assert all(setting(name) for name in IN_PANEL)


@pytest.mark.parametrize(
    "name", [name for name, limit in FIELDS.items() if hasattr(limit, "least") and name in IN_PANEL]
)
def test_settings_keep_within_the_limits_of_a_job(addon, name):
    limit, found = FIELDS[name], setting(name)
    unit = 100 if name == "smallest_part" else 1
    assert limit.least <= found.hard_min / unit or (name in PRESETS_OWN and found.hard_min == 0)
    assert found.hard_max / unit <= limit.most or found.hard_max == 2**31 - 1 < limit.most
    assert found.soft_min >= found.hard_min and found.soft_max <= found.hard_max


@pytest.mark.parametrize(("items", "choices"), [
    (PRESETS, protocol.PresetName), (MEMORY, protocol.Memory), (MATCHES, protocol.Match), (SHAPES, protocol.Shape),
    (VIDEO_MODELS, (AUTO_VIDEO, *public.VIDEO_SETS)), (REFERENCE_POSES, protocol.ReferencePose), (MODES, Mode),
    (LOOPS, Loop),
])  # fmt: skip
def test_menus_have_the_choices_that_they_stand_for(items, choices):
    assert [item[0] for item in items] == list(choices)
