"""The rows of Toybench: ways to animate a subject, by the whole method and with a part left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..geometry.mesh import Mesh
from ..presets import Preset
from ..protocol import ReferencePose
from ..sampling.windows import sliding_windows
from ..stages.correspondence import animate_vertices
from ..stages.motion import generate_window
from ..stages.pictures import encode_frames
from ..stages.reference import Reference, reference_from_mesh
from .subjects import Subject, mesh_of


@dataclass(frozen=True)
class Task:
    """What is given in addition to the clip.

    Args:
        given_mesh: whether the reference is the true mesh of frame 0, with its pose kept, or image-to-3D's mesh.
    """

    name: str
    given_mesh: bool

    def reference(self, subject: Subject) -> Reference:
        return subject.given if self.given_mesh else subject.drawn


MESH_AND_VIDEO, VIDEO = Task("mesh + video", True), Task("video", False)


@dataclass(frozen=True)
class Switches:
    """The switches of the paper's ablation that need no other weights; None keeps the default.

    Args:
        steps, guidance: steps and guidance of Stage I.
        masked: whether Stage I keeps the reference's latent clean; if False, all frames are generated from noise.
        window, shared: frames that Stage I generates together, and how many of them two windows share.
        other_pose_keeping: reverse the default, which subtracts Stage II's error at the reference frame from every pose
            only if the mesh is given.
    """

    steps: int | None = None
    guidance: float | None = None
    masked: bool = True
    window: int | None = None
    shared: int = 1
    other_pose_keeping: bool = False

    def of(self, preset: Preset) -> Preset:
        return replace(preset, steps=self.steps or preset.steps, guidance=self.guidance or preset.guidance)


WHOLE = Switches()
ABLATIONS: dict[str, Switches] = {
    "Stage I in 4 steps": Switches(steps=4),
    "guidance 2": Switches(guidance=2.0),
    "15 steps, guidance 7.5 (published fast)": Switches(steps=15, guidance=7.5),
    "no masked generation": Switches(masked=False),
    "windows of 8 frames, 1 shared": Switches(window=8, shared=1),
    "windows of 8 frames, 4 shared": Switches(window=8, shared=4),
    "reference pose kept (video), not kept (mesh + video)": Switches(other_pose_keeping=True),
}
FULL, STILL, OTHER = "full", "still mesh", "another clip's frames"
MIRRORED = "mesh and clip mirrored"
NO_STAGE_2, FRAME_BY_FRAME = "no Stage II: a mesh for each frame", "no Stage I and II: image-to-3D frame by frame"
ONE_NOISE = "the same, all frames from one noise"


@dataclass(frozen=True)
class Answer:
    """An animation: `vertices` (T, V, 3) with `faces` (F, 3), or, without correspondence, `meshes` of chosen frames."""

    vertices: np.ndarray | None = None
    faces: np.ndarray | None = None
    meshes: list[Mesh] | None = None


Variant = Callable[[Subject, Task], Answer]
ACROSS = np.array([-1, 1, 1], np.float32)
"""Factors that mirror a point left to right."""


def variants_of(task: Task, other: Callable[[], Subject], frames: Sequence[int], ablated: bool) -> dict[str, Variant]:
    """Return the rows of a task by name.

    `other` gives another clip; variants without correspondence make meshes only of `frames`.
    """
    rows: dict[str, Variant] = {FULL: animated, NO_STAGE_2: partial(without_stage_2, frames=frames), STILL: still}
    if task.given_mesh:
        rows |= {MIRRORED: mirrored, OTHER: partial(seeing, other=other)}
    else:
        rows[FRAME_BY_FRAME] = partial(frame_by_frame, frames=frames)
        rows[ONE_NOISE] = partial(frame_by_frame, frames=frames, own_noise=False)
    if ablated:
        rows |= {name: partial(animated, switches=switches) for name, switches in ABLATIONS.items()}
    return rows


def animated(subject: Subject, task: Task, context: Tensor | None = None, switches: Switches = WHOLE) -> Answer:
    """Run Stages I and II; `context` (T, S, C), if given, replaces the tokens of the subject's own clip."""
    reference = task.reference(subject)
    reference_pose = ReferencePose.by_default(task.given_mesh != switches.other_pose_keeping)
    seen = subject.context if context is None else context
    return Answer(moved(subject, reference, seen, reference_pose, switches), reference.mesh.faces)


def moved(
    subject: Subject,
    reference: Reference,
    context: Tensor,
    reference_pose: ReferencePose,
    switches: Switches = WHOLE,
) -> np.ndarray:
    """Run Stages I and II on a reference and tokens (T, S, C) of a clip; return vertices (T, V, 3)."""
    latents = motion_latents(subject, reference, context, switches)
    times = [float(frame) for frame in range(len(latents))]
    return animate_vertices(subject.run, reference, latents, 0, times, reference_pose)


def mirrored(subject: Subject, task: Task) -> Answer:
    """Run Stages I and II on the given mesh and the clip, both mirrored left to right, and mirror the answer back.

    An error above that of the unmirrored mesh and clip shows that the networks guess a motion by heart.
    """
    assert task.given_mesh
    truth = subject.toy
    mesh = Mesh(truth.vertices[0] * ACROSS, np.ascontiguousarray(truth.faces[:, ::-1]))
    reference = reference_from_mesh(subject.run, mesh, truth.seed)
    context = encode_frames(subject.run, np.ascontiguousarray(subject.frames[:, :, ::-1]))
    return Answer(moved(subject, reference, context, ReferencePose.by_default(True)) * ACROSS, truth.faces)


def seeing(subject: Subject, task: Task, other: Callable[[], Subject]) -> Answer:
    """Run Stages I and II on another subject's clip, resampled to the same number of frames."""
    context = other().context
    frames = np.linspace(0, len(context) - 1, len(subject.context)).round().astype(int)
    return animated(subject, task, context[frames])


def without_stage_2(subject: Subject, task: Task, frames: Sequence[int]) -> Answer:
    """Return the surfaces of Stage I's latents."""
    latents = motion_latents(subject, task.reference(subject), subject.context)
    return Answer(meshes=[mesh_of(latents[frame], subject.run) for frame in frames])


def frame_by_frame(subject: Subject, task: Task, frames: Sequence[int], own_noise: bool = True) -> Answer:
    """Run image-to-3D on every frame separately; with one noise for all, similar pictures give similar shapes."""
    return Answer(meshes=[mesh_of(subject.pictured_latent(frame, own_noise), subject.run) for frame in frames])


def still(subject: Subject, task: Task) -> Answer:
    """Return the reference mesh, unchanged in every frame."""
    mesh = task.reference(subject).mesh
    return Answer(np.repeat(mesh.vertices[None], len(subject.context), axis=0), mesh.faces)


def motion_latents(subject: Subject, reference: Reference, context: Tensor, switches: Switches = WHOLE) -> Tensor:
    """Run Stage I: latents (T, N, D) of all frames, with frame 0 as the reference."""
    run, preset = subject.run, switches.of(subject.preset)
    size = min(switches.window or run.facts.window, run.facts.window)
    latents = {0: reference.latent} if switches.masked else {}
    for i, frames in enumerate(sliding_windows(len(context), 0, size, size - switches.shared)):
        generated = generate_window(run, latents, frames, context[frames], preset, i)
        for frame, latent in zip(frames, generated, strict=True):
            latents.setdefault(frame, latent)
    return torch.stack([latents[frame] for frame in range(len(context))])
