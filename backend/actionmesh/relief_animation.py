"""Animating a clip without a network: the outline of one frame is inflated and follows the clip."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .animation import Animation, Provenance
from .clip_camera import clip_camera
from .errors import InputError
from .geometry.folds import unfold
from .geometry.surface import Normalisation
from .matching.choice import fit
from .matching.film import make_film
from .matching.graph import make_graph
from .matching.search import View
from .matching.standing import Standing
from .matching.track import WEIGHTS, steps_of, track_mesh
from .media.clip import Clip
from .progress import Progress
from .protocol import Fit, Match, Shape, Stage
from .relief.limbs import frame_with_most_limbs
from .relief.shape import MAX_FACES, Relief, relief_from_crop
from .rematch import require_same_frames
from .stages.match import between, one_thread

NODES = 200
LIMBER = replace(WEIGHTS, rigidity=150.0, rigidity_reach=0.6, depth=0.1, outline_reach=10.0)
"""Weights for tracking a relief. A relief joins parts that touch in its frame: with less reach its edges tear
there, and its limbs must bend more easily."""


def relief_animation(
    clip: Clip, anchor: int | None, frames: Sequence[float], max_faces: int, provenance: Provenance,
    notes: Sequence[str], progress: Progress,
) -> Animation:  # fmt: skip
    """Return the animated relief of a clip's subject.

    Args:
        clip: with its subject cut out.
        anchor: the frame whose outline is inflated; None takes the one that shows limbs best.
        frames: (R) which frame each pose shows; poses between whole frames are interpolated.
        provenance: of the animation, except for its fit and its reference frame.
        notes: sentences for the user.
    Raises:
        MediaError: the reference frame shows no subject.
        MeshError: its outline needs more than `max_faces`.
    """
    crops = clip.crops
    assert crops is not None and crops.box is not None
    advance = progress.start(Stage.INFLATING, 2)
    chosen = frame_with_most_limbs(crops, progress.check) if anchor is None else anchor
    advance()
    with one_thread():
        relief = relief_from_crop(crops[chosen], crops.box, crops.frame_size, max_faces)
    advance()
    poses, standing, overlap = _followed(relief, clip, chosen, progress)
    times = np.interp(frames, np.arange(len(clip.times)), clip.times)
    found = Fit(
        way=Match.TRACK, shape=Shape.RELIEF, agreement=standing.view.overlap, overlap=overlap,
        camera=clip_camera(make_film(crops), standing), notes=tuple(notes),
    )  # fmt: skip
    return Animation(
        vertices=unfold(np.stack([between(poses, frame) for frame in frames]), relief.faces, progress.check),
        faces=relief.faces,
        times=times,
        reference_frame=list(frames).index(chosen),
        frame_indices=np.array([int(frame) if frame == int(frame) else -1 for frame in frames], np.int64),
        provenance=replace(provenance, anchor=chosen, fit=found),
        appearance=relief.coat,
    )


def wants_relief_again(made: Provenance, shape: Shape) -> bool:
    """Return whether matching a result again makes its relief again.

    Raises:
        InputError: the result cannot have this shape without the networks.
    """
    is_relief = made.fit.shape == Shape.RELIEF
    if shape is Shape.RELIEF and made.mesh is not None:
        raise InputError(
            "A result with your own mesh has no relief.", "Leave the shape at auto, or animate the clip alone."
        )
    if shape is Shape.NETWORK and is_relief:
        raise InputError(
            "Only the networks can turn a relief into a network's mesh.", "Animate the clip again with that shape."
        )
    return is_relief or shape is Shape.RELIEF


def relief_again(animation: Animation, clip: Clip, progress: Progress) -> Animation:
    """Return the relief of a result's clip, with the result's reference frame, times and limit of faces.

    Raises:
        InputError: the clip's frames differ from the result's.
    """
    made = animation.provenance
    require_same_frames(animation, clip)
    faces = max(MAX_FACES, len(animation.faces)) if made.fit.shape == Shape.RELIEF else MAX_FACES
    return relief_animation(clip, made.anchor, animation.frames, faces, replace(made, known=()), (), progress)


def _followed(relief: Relief, clip: Clip, anchor: int, progress: Progress) -> tuple[np.ndarray, Standing, float]:
    """Return poses (T, V, 3), how the relief stands before the film's camera, and the poses' overlap with the clip."""
    assert clip.crops is not None
    film = make_film(clip.crops, progress.check)
    camera = relief.camera.rescaled(film.factor, film.corner)
    graph = make_graph(relief.vertices.astype(np.float64), relief.faces, NODES)
    still = np.repeat(relief.vertices[None], len(film), axis=0)
    advance = progress.start(Stage.FOLLOWING, max(1, steps_of(len(film), (anchor,))))
    with one_thread():
        poses = track_mesh(
            still, anchor, (anchor,), relief.faces, film, camera, graph, advance, LIMBER, LIMBER,
            moves_on=False,  # a mesh this limber exchanges legs that cross
        )  # fmt: skip
    overlap = fit(poses, relief.faces, film, camera, progress.check)
    agreement = fit(poses[anchor : anchor + 1], relief.faces, film.only(anchor), camera)
    standing = Standing(0.0, Normalisation(np.zeros(3), 1.0), View(camera, agreement, 0.0, 1.0))
    return poses, standing, overlap
