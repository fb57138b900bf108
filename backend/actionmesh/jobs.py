"""One job from request to files, used by the command line and the worker, and the model kept between jobs.

Heavy modules are imported when a job needs them, so that importing this one is quick.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from .errors import InputError, require_sound
from .job_inputs import checkpoint_folder, mesh_of
from .job_outputs import check_outputs, save_all
from .job_size import check_size
from .progress import Progress, ProgressEvent
from .protocol import Animate, Animated, FrameChoice, Look, Looked, Rematch, ResultFormat, Source, Stage

if TYPE_CHECKING:
    import numpy as np

    from .animation import Animation
    from .memory.model import Model

log = logging.getLogger(__name__)


def run(
    job: Animate,
    kept: "KeptModel",
    report: Callable[[ProgressEvent], None],
    cancelled: Callable[[], bool],
    notes: tuple[str, ...] = (),
    prompt: str = "",
) -> Animated:
    """Animate, and write every file of `job.out`, each completely or not at all.

    Args:
        notes: sentences on the clip, for the result's notes.
        prompt: the text from which the clip was made; empty for other clips.
    Raises:
        ActionMeshError: an error that the user can cause. Outputs that cannot be written, or that would overwrite an
            input or one another, are refused before any work.
    """
    from .animation import with_notes
    from .pipeline import animate, load_subject

    clock = StageClock(report)
    progress = Progress(clock.note, cancelled)
    require_sound(job)
    check_outputs(job)
    left_out = check_mesh(job)
    model = kept.get(job.checkpoint, job.device, job.memory)
    subject = load_subject(job, model, progress)
    float8 = model.facts.preset(job.preset).approximation.float8
    with model.networks.job(*parts_of(job), float8=float8, check=progress.check):
        check_size(job, job.out, len(subject.frames))
        animation = animate(job, model, progress, subject)
    animation = with_notes(animation, (*subject.notes, *left_out), notes).with_prompt(prompt)
    mesh = Path(job.mesh) if job.mesh else None
    save_all(animation, job.out, mesh, subject, progress, job.quantise)
    return _answer(animation, job.out, clock, model)


def rematch(
    job: Rematch, kept: "KeptModel", report: Callable[[ProgressEvent], None], cancelled: Callable[[], bool]
) -> Animated:
    """Match a finished animation to its clip again, and write every file of `job.out`, each completely or not at all.

    Raises:
        ActionMeshError: see `run`; also if the result cannot be read, or its frames differ from the clip's.
    """
    from .animation import Animation, between_neighbours, with_notes
    from .pipeline import load_subject
    from .relief_animation import relief_again, wants_relief_again
    from .rematch import match_again

    clock = StageClock(report)
    progress = Progress(clock.note, cancelled)
    animation = Animation.load(job.result)
    made = animation.provenance
    clip, mask = job.clip or made.clip, job.mask or made.mask
    mesh = mesh_of(made.mesh, job.names)
    frames = FrameChoice(**made.frames)
    earlier = Animate(clip, out=(), mask=mask, frames=frames, anchor=made.anchor, fps=made.fps, picks=made.picks)
    named = None if mesh is None else str(mesh)
    check_outputs(replace(earlier, out=job.out, mesh=named, checkpoint=job.checkpoint), also=[Path(job.result)])
    require_sound(earlier)
    model = kept.get(job.checkpoint, job.device, job.memory)
    subject = load_subject(replace(earlier, out=(job.result,)), model, progress)
    if wants_relief_again(made, job.shape):
        animation = relief_again(animation, subject, progress)
    else:
        animation = match_again(animation, subject, job.match, job.facing, progress)
    animation = with_notes(between_neighbours(animation, subject.absent), subject.notes)
    if mesh is not None and not mesh.is_file():
        log.warning("%s no longer exists: the files are written without its materials.", mesh)
        mesh = None
    save_all(animation, job.out, mesh, subject, progress, job.quantise)
    return _answer(animation, job.out, clock, model)


def _answer(animation: "Animation", out: tuple[str, ...], clock: "StageClock", model: "Model") -> Animated:
    poses, vertices, _ = animation.vertices.shape
    return Animated(
        out=out,
        poses=poses,
        vertices=vertices,
        faces=len(animation.faces),
        duration=float(animation.times[-1] - animation.times[0]),
        reference_frame=animation.reference_frame,
        timings=clock.timings,
        seconds=clock.total(),
        loads=model.networks.loads,
        plan=model.runtime.plan.name,
        retried_for_memory=model.runtime.retried_for_memory,
        fit=animation.saved_provenance.fit,
    )


def look(job: Look, kept: "KeptModel", cancelled: Callable[[], bool]) -> Looked:
    """Cut the subject out of the reference frame and write it as a picture.

    Raises:
        ActionMeshError: an error that the user can cause; a picture that cannot be written is refused before any work.
    """
    from .pipeline import look_at_subject

    if Path(job.out).suffix.lower() != ResultFormat.CONTACT_SHEET or job.size < 1:
        raise InputError(f"{job.out} of {job.size} pixels cannot be written.", "Name a .png of at least 1 pixel.")
    options = Animate(**{item.name: getattr(job, item.name) for item in fields(Source)}, out=(job.out,))
    check_outputs(options)
    require_sound(options)
    model = kept.get(job.checkpoint, job.device, job.memory)
    glimpse = look_at_subject(options, model, Progress(cancelled=cancelled), job.to_point_at)
    save_picture(glimpse.picture, Path(job.out), job.size)
    return Looked(
        out=job.out,
        clip_frames=glimpse.clip_frames,
        chosen=glimpse.chosen,
        frame=glimpse.frame,
        fps=glimpse.fps,
        width=glimpse.width,
        height=glimpse.height,
        coverage=float((glimpse.picture[..., 3] >= 128).mean()),
        notes=glimpse.clip.notes,
    )


def save_picture(rgba: "np.ndarray", path: Path, size: int) -> None:
    """Write (H, W, 4) uint8 as a png, shrunk to at most `size` pixels a side; raise OutputError if that fails."""
    from PIL import Image

    from .files.atomic import write_atomically
    from .media.clip import fitted_size, resize_rgba

    width, height = fitted_size(rgba.shape[1], rgba.shape[0], size)
    picture = Image.fromarray(resize_rgba(rgba, width, height))
    write_atomically(path, lambda part: picture.save(part, "PNG"))


def check_mesh(job: Animate) -> tuple[str, ...]:
    """Check that the animation can be saved into the artist's own mesh file, if one of the outputs needs that file.

    Returns:
        a sentence for each feature of the file that the result will lack.
    Raises:
        MeshError: the file is damaged.
    """
    from .output.source_check import check_source

    meshes = (ResultFormat.FOLDER, ResultFormat.ANIMATED_MESH)
    takes_source = any(Path(name).suffix.lower() in meshes or name.endswith("/") for name in job.out)
    return check_source(Path(job.mesh)) if job.mesh and takes_source else ()


def parts_of(job: Animate) -> tuple[str, ...]:
    """Return the networks of a job in the order in which it needs them; the artist's own mesh needs no image-to-3D."""
    made = () if job.mesh else ("image_to_3d",)
    return ("image_encoder", *made, "shape_vae", "temporal_denoiser", "temporal_autoencoder")


def import_libraries() -> None:
    """Import what a job needs, including transformers' network; if a library is missing, the job reports it later."""
    with suppress(Exception):
        for name in ("actionmesh.pipeline", "actionmesh.output.writers", "transformers.models.dinov2.modeling_dinov2"):
            import_module(name)


class StageClock:
    """Sum the seconds that pass up to each step of each stage, and pass the events on to `report`.

    Time before a stage's start, such as the loading of weights, belongs to no stage.
    """

    def __init__(self, report: Callable[[ProgressEvent], None], clock: Callable[[], float] = time.perf_counter):
        self._report = report
        self._clock = clock
        self._start = self._last = clock()
        self.timings: dict[Stage, float] = {}
        """Seconds of each stage, in order of appearance."""

    def note(self, event: ProgressEvent) -> None:
        now = self._clock()
        passed = now - self._last if event.step > 0 else 0.0
        self.timings[event.stage] = self.timings.get(event.stage, 0.0) + passed
        self._last = now
        self._report(event)

    def total(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._start


class KeptModel:
    """Keeps the model of the last checkpoint, device and memory plan loaded; another choice frees its memory first.

    Two names of the same folder or the same device are the same choice.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: tuple[Path, str, int, str] | None = None
        self._model: Model | None = None

    def get(self, checkpoint: str | None, device: str, memory: str) -> "Model":
        """Return the model of a checkpoint (see `checkpoint_folder`) on a device, under a memory plan or "auto".

        Raises:
            CheckpointError: the checkpoint is not complete.
            InputError: the device does not exist.
        """
        from .memory.model import open_model
        from .memory.runtime import choose_device

        folder, chosen = checkpoint_folder(checkpoint), choose_device(device)
        key = (folder.resolve(), chosen.type, chosen.index or 0, memory)
        with self._lock:
            if self._model is None or self._key != key:
                self._drop()
                self._model, self._key = open_model(folder, device, memory), key
            return self._model

    def unload(self) -> None:
        """Free the networks; the next job loads them again."""
        with self._lock:
            if self._model is not None:
                self._model.networks.unload()

    def _drop(self) -> None:
        if self._model is not None:
            self._model.networks.unload()
        self._model = self._key = None
