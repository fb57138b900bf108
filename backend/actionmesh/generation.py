"""The job `generate`: a clip from a text, kept as a file, and then the usual job on that file."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import jobs
from .errors import InputError, MediaError, require_sound
from .frame_numbers import index_of_frame
from .job_inputs import checkpoint_folder
from .job_outputs import check_outputs
from .job_size import check_size
from .progress import Progress, ProgressEvent
from .protocol import Animate, Animated, Facing, Generate, ResultFormat

if TYPE_CHECKING:
    import numpy as np

    from .filming.first_picture import FirstPicture
    from .filming.shoot import Footage
    from .filming.take import Shot
    from .filming.video_models import FoundModel, VideoModel
    from .media.subject import BackgroundRemover
    from .memory.model import Model

SHOWN = 200
"""Characters of the text that a note repeats."""
STILL_SIDE = 1024
"""Pixels along each edge of the render with which the clip of a mesh begins."""


def generate(
    job: Generate, kept: jobs.KeptModel, report: Callable[[ProgressEvent], None], cancelled: Callable[[], bool]
) -> Animated:
    """Make a clip, write it to `job.clip`, and animate from it as `jobs.run` does.

    Raises:
        ActionMeshError: see `jobs.run`; also if no video model is there, or its clips cannot be used. A clip that was
            made is kept even then.
    """
    clock = jobs.StageClock(report)
    progress = Progress(clock.note, cancelled)
    found, model = prepare(job, kept)
    kept.unload()
    footage = film(job, found, model, progress)
    if not footage.verdict.separates:
        raise MediaError(
            f"In none of the clips that {found.model.title} made does the subject stand apart from the background "
            "in every frame.",
            f"Say in the text what the subject looks like, or choose another seed. The best clip is {job.clip}.",
        )
    animated = jobs.run(usual_job(job), kept, report, cancelled, notes_on(job, footage, found.model), job.prompt)
    return replace(
        animated,
        timings={**clock.timings, **animated.timings},
        seconds=clock.total(),
        retried_for_memory=animated.retried_for_memory or footage.retried,
    )


def prepare(job: Generate, kept: jobs.KeptModel) -> "tuple[FoundModel, Model]":
    """Check all that can be checked before minutes are spent; return the video model and the opened checkpoint.

    Raises:
        ActionMeshError: see `generate`.
    """
    from .filming.video_models import find_video_model
    from .geometry.mesh_files import load_mesh
    from .pipeline import preset_of

    require_sound(job)
    if Path(job.clip).suffix.lower() != ResultFormat.FILM:
        raise InputError(f"The clip {job.clip} is not an {ResultFormat.FILM} file.", "Name it such as fox.mp4.")
    check_outputs(job)
    jobs.check_mesh(job)
    for path in filter(None, (job.mesh, *(shape.mesh for shape in job.known))):
        load_mesh(path)
    found = find_video_model(job.video_model, begins_with_picture(job), checkpoint_folder(job.checkpoint))
    model = kept.get(job.checkpoint, job.device, job.memory)
    preset_of(job, model)
    check_size(job, job.out, check_frames(job, found.model))
    return found, model


@dataclass
class FutureClip:
    """What is known of a clip that is still to be made, as `media.reader.choose_frames` asks for it."""

    name: str
    frames: int

    def count(self, enough: int | None = None) -> int:
        return self.frames


def check_frames(job: Generate, model: "VideoModel") -> int:
    """Return how many frames of the clip will be used.

    Raises:
        InputError: the clip will be too short for the frames that the job names.
    """
    from .media.reader import choose_frames
    from .pipeline import known_frames

    clip = FutureClip(f"The clip that {model.title} makes", model.frame_count(job.clip_frames))
    total = len(choose_frames(job.frames, clip))
    known_frames(job, index_of_frame(job.anchor or 0, total, "reference"), total)
    return total


def film(job: Generate, found: "FoundModel", model: "Model", progress: Progress) -> "Footage":
    """Make the clip and write it; raise MediaError if the picture shows no subject that can be cut out."""
    from .filming.shoot import shoot
    from .pipeline import means_of

    means = means_of(model)
    shot = shot_of(job, found.model, means.remover, progress)
    device, keep_clip = model.runtime.device, partial(keep, job, found.model)
    return shoot(found, shot, job.seed, device, job.memory, means, progress, keep_clip)


def shot_of(job: Generate, model: "VideoModel", remover: "BackgroundRemover | None", progress: Progress) -> "Shot":
    from .filming.take import Shot

    width, height = model.size(job.clip_side)
    return Shot(
        job.prompt,
        first_picture(job, remover, width, height, progress),
        width,
        height,
        model.frame_count(job.clip_frames),
        job.clip_steps or model.steps,
        model.guidance if job.clip_guidance is None else job.clip_guidance,
        model.tokens,
    )


def begins_with_picture(job: Generate) -> bool:
    return job.picture is not None or job.mesh is not None


def first_picture(
    job: Generate, remover: "BackgroundRemover | None", width: int, height: int, progress: Progress
) -> "FirstPicture | None":
    """Return the clip's first frame: the picture, or else a render of the mesh; None if there is neither."""
    from .filming.first_picture import placed, read_subject
    from .matching.standing import YAWS
    from .output.still import draw_still

    if job.picture is not None:
        return placed(read_subject(Path(job.picture), remover, progress.check), width, height)
    if job.mesh is not None:
        return placed(draw_still(Path(job.mesh), YAWS[seen_side(job)], STILL_SIDE), width, height)
    return None


def seen_side(job: Generate) -> Facing:
    """Return the side of the mesh that its render shows."""
    return Facing.FRONT if job.facing is Facing.AUTO else job.facing


def keep(job: Generate, model: "VideoModel", frames: "np.ndarray") -> None:
    """Write the clip (T, H, W, 3) uint8; raise OutputError if that fails."""
    from .output.clip_file import write_clip

    write_clip(frames, model.fps, Path(job.clip))


def usual_job(job: Generate) -> Animate:
    """Return the job on the finished clip; the side that a render showed is known."""
    values = {item.name: getattr(job, item.name) for item in fields(Animate)}
    rendered = job.mesh is not None and job.picture is None
    return Animate(**values | ({"facing": seen_side(job)} if rendered else {}))


def notes_on(job: Generate, footage: "Footage", model: "VideoModel") -> tuple[str, ...]:
    """Return what the artist should know of the clip."""
    text = " ".join(job.prompt.split())
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    made = f"{model.title} made the clip with seed {footage.seed} from the text: {shown}"
    weak = () if footage.verdict.good else (f"The clip was used although its subject {footage.verdict.faults}.",)
    return (made, *footage.notes, *weak)
