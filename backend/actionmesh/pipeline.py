"""From a clip to an animated mesh. Start reading at `animate`."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from . import __version__
from .animation import Animation, Provenance, between_neighbours, with_notes
from .colouring import own_mesh_painted, painted_by_camera
from .errors import InputError, MediaError, require_sound
from .frame_numbers import index_of_frame, number_of
from .geometry.folds import unfold
from .geometry.mesh import Mesh
from .geometry.mesh_corners import load_corners
from .geometry.mesh_files import load_mesh
from .geometry.strays import without_strays
from .matching.film import Film, make_film
from .matching.standing import YAWS, Standing, turn_of
from .media.clip import Clip
from .media.glimpse import Glimpse, read_glimpse
from .media.reader import read_clip
from .media.subject import BackgroundRemover
from .memory.model import Model
from .models.background_removal import remove_background
from .posing import posed
from .presets import Preset
from .progress import Progress
from .protocol import Animate, Facing, Fit, Match, ReferencePose, Shape
from .relief.shape import MAX_FACES
from .relief_animation import relief_animation
from .rematch import matched
from .segmentation.choice import Means, cut_out, mask_folder, needs_motion, within
from .segmentation.kept_masks import MaskFolder
from .segmentation.tracking import Tracker
from .stages.correspondence import animate_vertices
from .stages.match import find_standing
from .stages.motion import synchronised_latents
from .stages.pending_reference import PendingReference, ReadyReference, reference_from_picture
from .stages.pictures import encode_frames
from .stages.reference import Reference, latent_of_pose, reference_from_mesh
from .stages.run import Run

MAX_SIDE = 512
LEAST_LIKENESS = 0.85
"""Overlap of a network's mesh and its reference frame below which the frame's outline makes the better mesh."""
SMALL_WEIGHTS = 'these small weights rarely make a better mesh; choose the shape "Network" to use them anyway'
OWN_NUMBERS = ("steps", "guidance", "image_steps", "max_faces", "smallest_part")
"""Fields of a preset that an artist may choose for one job, with the same names in `Animate`."""


def animate(options: Animate, model: Model, progress: Progress | None = None, subject: Clip | None = None) -> Animation:
    """Make an animated mesh from a clip.

    Args:
        options: what the artist chose; the caller handles `out`, `checkpoint`, `device` and `memory`.
        model: the checkpoint.
        progress: receives every step; may cancel.
        subject: the clip as `load_subject` returns it, if the caller already has it.
    Raises:
        ActionMeshError: see `errors` for the tree; nothing is written.
    """
    require_sound(options)
    run = Run.of(model, progress)
    mesh = load_mesh(options.mesh) if options.mesh else None
    clip = subject or load_subject(options, run, run.progress)
    made = animate_clip(options, run, clip) if mesh is None else animate_mesh(options, run, clip, mesh)
    return between_neighbours(made, clip.absent)


def animate_clip(options: Animate, run: Run, clip: Clip) -> Animation:
    """Make a mesh from the reference frame and animate it: Stage 0, I and II, or a relief of the subject's outline."""
    if wants_relief(options, run):
        return relief_of(options, clip, run, SMALL_WEIGHTS if options.shape is Shape.AUTO else "")
    anchor, tokens = anchor_of(options, clip), image_tokens(run, clip)
    pending = reference_from_picture(run, tokens[anchor], preset_of(options, run), options.seed)
    standing = None
    if options.shape is Shape.AUTO and clip.crops is not None:
        standing = find_standing(*surface_of(pending.ready()), clip.crops, anchor, Facing.FRONT, run.progress)
        if standing.view.overlap < LEAST_LIKENESS:
            return relief_of(options, clip, run, unlike(standing))
    animation = moved(options, run, clip, pending, tokens)
    animation = replace(animation, vertices=unfold(animation.vertices, animation.faces, run.progress.check))
    return painted(animation, clip, standing, run.progress)


def animate_mesh(options: Animate, run: Run, clip: Clip, whole: Mesh) -> Animation:
    """Animate the artist's mesh: Stage I and II, match, and on request the clip's colours."""
    mesh, progress = without_strays(whole), run.progress
    film, standing = film_for(options, clip, progress), None
    notes: tuple[str, ...] = ()
    if film is not None and clip.crops is not None:
        anchor = anchor_of(options, clip)
        found = posed(options, mesh, clip, anchor, known_frames(options, anchor, len(clip.frames)), progress)
        mesh, standing, notes = found.mesh, found.standing, found.notes
        options = replace(options, anchor=found.anchor)
    tokens = image_tokens(run, clip)
    reference = reference_from_mesh(run, mesh, options.seed, turn_for(options, standing))
    animation = moved(options, run, clip, ReadyReference(reference), tokens)
    if film is not None and standing is not None:
        poses = known_poses(options, reference, anchor_of(options, clip), len(clip.frames))
        animation = with_notes(matched(animation, film, standing, options.match, poses, progress), (), notes)
        if options.colours and clip.crops is not None:
            animation = own_mesh_painted(animation, load_corners(whole), clip.crops, standing, progress)
    return animation.with_strays(whole.vertices, whole.faces)


def moved(options: Animate, run: Run, clip: Clip, pending: PendingReference, tokens: Tensor) -> Animation:
    """Move a reference mesh: Stage I finds a latent for every frame, and Stage II places the vertices in each.

    Args:
        tokens: (T, S, C) image tokens of all frames.
    """
    total, anchor = len(clip.frames), anchor_of(options, clip)
    with pending:  # the mesh may still be cleaned up while Stage I runs; if it turns out empty, Stage I stops
        known = known_latents(run, pending, anchor, options, total)
        checking = replace(run, progress=run.progress.also_checking(pending.check))
        latents = synchronised_latents(checking, known, anchor, tokens, preset_of(options, run), options.seed)
        reference = pending.ready()
    frames, own_mesh = pose_times(total, options.in_betweens), options.mesh is not None
    reference_pose = options.reference_pose or ReferencePose.by_default(own_mesh)
    fit = Fit(shape="own" if own_mesh else Shape.NETWORK)
    return Animation(
        vertices=animate_vertices(run, reference, latents, anchor, frames, reference_pose),
        faces=reference.mesh.faces,
        times=np.interp(frames, np.arange(total), clip.times),
        reference_frame=frames.index(anchor),
        frame_indices=np.array([int(time) if time == int(time) else -1 for time in frames], np.int64),
        provenance=provenance_of(options, anchor, run, fit, known_frames(options, anchor, total)),
        origin=reference.mesh.origin,
    )


def anchor_of(options: Animate, clip: Clip) -> int:
    """Return the index of the reference frame."""
    return index_of_frame(options.anchor or 0, len(clip.frames), "reference")


def image_tokens(run: Run, clip: Clip) -> Tensor:
    """Return what the networks see of all frames, (T, S, C)."""
    return encode_frames(run, clip.frames if clip.crops is None else clip.crops)


def wants_relief(options: Animate, model: Model) -> bool:
    """Return whether a clip without a mesh is animated as a relief, without asking a network first."""
    return options.shape is Shape.RELIEF or (options.shape is Shape.AUTO and model.facts.settings.toys_only)


def relief_of(options: Animate, clip: Clip, run: Run, reason: str) -> Animation:
    """Return the animated relief of a clip without a mesh.

    Its reference frame is the frame that shows limbs best, unless the artist chose one.
    """
    notes = [f"The mesh is the subject's inflated outline, because {reason}."] if reason else []
    preset = preset_of(options, run)
    faces = preset.max_faces if options.max_faces is not None else MAX_FACES
    frames = pose_times(len(clip.frames), options.in_betweens)
    anchor = anchor_of(options, clip)
    made = provenance_of(options, anchor, run, Fit(shape=Shape.RELIEF))
    return relief_animation(clip, None if options.anchor is None else anchor, frames, faces, made, notes, run.progress)


def surface_of(reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    return reference.mesh.vertices, reference.mesh.faces


def unlike(standing: Standing) -> str:
    return f"the network's mesh overlaps the reference frame by only {100 * standing.view.overlap:.0f}%"


def painted(animation: Animation, clip: Clip, standing: Standing | None, progress: Progress) -> Animation:
    """Return a network's mesh in the colours that the clip shows of it, if it resembles the reference frame."""
    anchor = animation.provenance.anchor
    if clip.crops is None:
        return animation
    if standing is None:
        surface = animation.vertices[animation.reference_frame], animation.faces
        standing = find_standing(*surface, clip.crops, anchor, Facing.FRONT, progress)
    if standing.view.overlap < LEAST_LIKENESS:
        return animation
    return painted_by_camera(animation, clip.crops, standing, progress)


def provenance_of(options: Animate, anchor: int, model: Model, fit: Fit, known: Iterable[int] = ()) -> Provenance:
    """Return how an animation was made; files that are copies get their own names."""
    names = options.names
    return Provenance(
        clip=names.get(options.clip, options.clip),
        mesh=names.get(options.mesh, options.mesh) if options.mesh else None,
        seed=options.seed,
        preset=options.preset,
        checkpoint=model.facts.checkpoint.name,
        version=__version__,
        mask=names.get(options.mask, options.mask) if options.mask else None,
        frames=asdict(options.frames),
        anchor=anchor,
        fps=options.fps,
        picks=options.picks,
        known=tuple(known),
        fit=fit,
    )


def film_for(options: Animate, clip: Clip, progress: Progress) -> Film | None:
    """Return the clip as match sees it; None if nothing needs to be found in it."""
    wanted = options.match is not Match.OFF or options.facing is Facing.AUTO or options.colours or options.bend
    return None if not wanted or clip.crops is None else make_film(clip.crops, progress.check)


def turn_for(options: Animate, standing: Standing | None) -> np.ndarray | None:
    """Return the rotation (3, 3) that takes the seen side of the artist's mesh to +Z; None if it is already there."""
    if standing is not None:
        return standing.turn
    yaw = 0 if options.facing is Facing.AUTO else YAWS[options.facing]
    return turn_of(yaw) if yaw else None


def known_poses(options: Animate, reference: Reference, anchor: int, total: int) -> dict[int, np.ndarray]:
    """Return the vertices (V, 3) of the frames whose pose is known vertex by vertex, in the mesh's own coordinates."""
    known = {anchor: reference.mesh.vertices}
    for frame, path in known_frames(options, anchor, total).items():
        pose = without_strays(load_mesh(path, reference.mesh.origin))
        if pose.vertices.shape == reference.mesh.vertices.shape and np.array_equal(pose.faces, reference.mesh.faces):
            known[frame] = pose.vertices
    return known


def load_subject(options: Animate, model: Model, progress: Progress) -> Clip:
    """Return the chosen frames with the subject cut out.

    `segmentation.choice` says how the subject is cut out. Errors in the rest of the job are found first.
    """
    preset_of(options, model)
    for path in filter(None, (options.mesh, *(shape.mesh for shape in options.known))):
        load_mesh(path)
    return cut_subject(options, model, progress)[1]


def cut_subject(options: Animate, model: Model, progress: Progress) -> tuple[Clip, Clip]:
    """Return the chosen frames as they are, and with the subject cut out."""
    clip = read_clip(options.clip, options.frames, options.mask, options.fps, MAX_SIDE, progress)
    means = means_of(model, options.out, options.masks_from)
    return clip, cut_out(clip, means, progress, options.picks, anchor_of(options, clip))


def look_at_subject(options: Animate, model: Model, progress: Progress, to_point_at: bool = False) -> Glimpse:
    """Return the reference frame alone, with its subject cut out as `load_subject` would.

    Args:
        to_point_at: see `Look`.

    A plain background is judged by this frame alone, and any other by a few frames, while a job judges it by all
    frames. The two differ if the subject fills the border in some frames only, or hardly moves in these few.
    """
    glimpse = read_glimpse(
        options.clip, options.frames, options.anchor or 0, options.mask, options.fps, MAX_SIDE, progress
    )
    means, (clip, position) = means_of(model), (glimpse.clip, 0)
    if needs_motion(clip, means, options.picks):
        clip, position = glimpse.nearby()
    try:
        cut = cut_out(clip, means, progress, within(options.picks, clip), position)
    except MediaError as error:
        if not to_point_at:
            raise
        cut = replace(clip, absent=(position,), notes=(*clip.notes, f"{error.problem} {error.cure}".strip()))
    one = cut.only(position)
    return replace(glimpse, clip=replace(one, frames=own_picture(clip, cut, position)[None]) if to_point_at else one)


def own_picture(clip: Clip, cut: Clip, position: int) -> np.ndarray:
    """Return a frame (H, W, 4) uint8 in its own colours, of which the alpha is the subject; 0 if it is absent."""
    picture = np.array(clip.frames[position])
    picture[..., 3] = 0 if position in cut.absent else cut.frames[position][..., 3]
    return picture


def means_of(model: Model, out: tuple[str, ...] = (), masks_from: str | None = None) -> Means:
    """Return what the checkpoint offers for finding a subject.

    Args:
        out: a job's results; its masks are kept beside the first.
        masks_from: a folder of masks that an earlier job kept.
    """
    subject_tracker = model.facts.checkpoint.subject_tracker
    name = subject_tracker.name if subject_tracker is not None else ""
    earlier = MaskFolder(Path(masks_from)) if masks_from else None
    return Means(remover_of(model), tracker_of(model), mask_folder(out), earlier, name)


def tracker_of(model: Model) -> Callable[[], Tracker] | None:
    """Return what loads SAM 2.1 or EdgeTAM as a tracker, if one was downloaded."""
    return (lambda: Tracker(model.networks.subject_tracker)) if model.facts.tracks_subjects else None


def remover_of(model: Model) -> BackgroundRemover | None:
    """Return RMBG as a background remover, if the checkpoint has it."""
    return partial(_remove_background, model) if model.facts.removes_background else None


def _remove_background(model: Model, picture: np.ndarray) -> np.ndarray:
    return remove_background(model.networks.background_removal, picture)


def preset_of(options: Animate, model: Model) -> Preset:
    """Return the preset with the artist's own numbers."""
    own = {name: getattr(options, name) for name in OWN_NUMBERS if getattr(options, name) is not None}
    return model.facts.preset(options.preset).overridden(own, "The command")


def known_latents(
    run: Run, reference: PendingReference, anchor: int, options: Animate, total: int
) -> dict[int, Tensor]:
    """Return the latents of the anchor and of all other frames whose shape the artist gave."""
    known = {anchor: reference.latent}
    for frame, path in known_frames(options, anchor, total).items():
        pose = without_strays(load_mesh(path, reference.ready().mesh.origin))
        known[frame] = latent_of_pose(run, reference.ready(), pose, options.seed)
    return known


def known_frames(options: Animate, anchor: int, total: int) -> dict[int, str]:
    """Return the meshes that the artist gave for other frames than the anchor.

    Raises:
        InputError: a frame is outside the clip, or has two shapes.
    """
    known: dict[int, str] = {}
    for shape in options.known:
        frame = index_of_frame(shape.frame, total, "known")
        if frame == anchor or frame in known:
            raise InputError(f"Frame {number_of(frame)} has two known shapes.", "Give each frame at most one mesh.")
        known[frame] = shape.mesh
    return known


def pose_times(total: int, in_betweens: int) -> list[float]:
    """Return the times, in frames, of all poses: every frame, and `in_betweens` evenly spaced ones between two."""
    steps = in_betweens + 1
    return [i / steps for i in range((total - 1) * steps + 1)]
