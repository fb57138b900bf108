"""Match: bringing the animation onto its clip.

Match starts from the networks' poses if they explain the clip, and otherwise from them or from the still mesh,
whichever explains it better. It needs no network. The mesh must stand as the reference frame shows it: only then can a
camera be found and colours be followed.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ..frame_numbers import number_of
from ..geometry.surface import weld
from ..matching.camera import FilmCamera
from ..matching.choice import better, fit, trusted
from ..matching.depth import carry_into_depth
from ..matching.film import Film, make_still
from ..matching.graph import Graph, make_graph
from ..matching.refine import ITERATIONS, refine_poses
from ..matching.standing import LEAST_AGREEMENT, SHARPNESS, Standing, stand
from ..matching.track import JOINT_PASSES, join_poses, steps_of, steps_of_joining, track_mesh
from ..media.subject_crops import SubjectCrops
from ..progress import Progress
from ..protocol import Facing, Match, Stage

PASSES_IF_TRUSTED = 1
"""Joint passes after refining motion that the networks foresaw; more of them stiffen what should stretch."""
SHARE_OF_SEARCH = 60
"""Approximate number of views that a search tries: the steps of its progress bar."""


def one_thread() -> AbstractContextManager[object]:
    """Limit linear algebra to one thread inside a `with` block.

    On matrices this small several threads wait for each other, and round differently from run to run.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


@dataclass(frozen=True)
class Matched:
    """The result of match.

    Args:
        vertices: (R, V, 3) float32, in the mesh's own coordinates.
        way: REFINE or TRACK, or OFF if the animation was left as it was.
        overlap: intersection over union of silhouette and subject, mean over the frames.
    """

    vertices: np.ndarray
    way: Match
    overlap: float


def find_standing(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, anchor: int, facing: Facing, progress: Progress
) -> Standing:
    """Return how the mesh, in its own coordinates (V, 3), stands in the reference frame `anchor` of the clip."""
    places, place_of = weld(vertices)
    with progress.about(Stage.FINDING_CAMERA, SHARE_OF_SEARCH) as check, one_thread():
        return stand(places, place_of[faces], make_still(crops, anchor, SHARPNESS), facing, check)


def match_to_clip(
    vertices: np.ndarray,
    faces: np.ndarray,
    frames: Sequence[float],
    known: Collection[int],
    anchor: int,
    film: Film,
    standing: Standing,
    way: Match,
    nodes: int,
    progress: Progress,
) -> Matched:
    """Bring an animation onto its clip.

    Args:
        vertices: (R, V, 3) float32, the network's poses in the mesh's own coordinates; the anchor's pose is the
            mesh itself.
        faces: (F, 3).
        frames: (R) which frame of the film each pose shows; poses between whole frames follow their neighbours.
        known: frames whose poses are known and stay as they are, including the anchor.
        way: REFINE, TRACK, or AUTO to choose from the network's poses.
        nodes: number of nodes of the deformation graph.
    """
    whole = np.array([frames.index(frame) for frame in range(len(film))])
    _, place_of = weld(vertices[whole[anchor]])
    first = np.unique(place_of, return_index=True)[1]
    faces = place_of[faces]
    poses = np.stack([standing.to_match.apply(vertices[pose][first]) for pose in whole])
    graph = make_graph(poses[anchor].astype(np.float64), faces, nodes)
    with one_thread():
        chosen, matched = _best(poses, known, anchor, faces, film, standing, graph, way, progress)
    overlap = fit(matched, faces, film, standing.view.camera, progress.check)
    moved = np.empty_like(vertices)  # one pose at a time: float64 copies of all poses at once would double the memory
    for place, frame in enumerate(frames):
        shift = between(matched, frame).astype(np.float64) - between(poses, frame)
        moved[place] = vertices[place] + standing.to_match.invert_shift(shift)[place_of]
    return Matched(moved, chosen, overlap)


def _best(
    poses: np.ndarray, known: Collection[int], anchor: int, faces: np.ndarray, film: Film, standing: Standing,
    graph: Graph, way: Match, progress: Progress,
) -> tuple[Match, np.ndarray]:  # fmt: skip
    """Return the way taken and the poses (T, V, 3) in match space."""
    camera, total, others = standing.view.camera, len(film), len(film) - len(set(known))
    refining, tracking = way is not Match.TRACK, way is not Match.REFINE
    steps = refining * (ITERATIONS * others + steps_of_joining(total, known)) + tracking * steps_of(total, known)
    advance, done = progress.start(Stage.FOLLOWING, max(1, steps)), 0

    def step() -> None:
        nonlocal done
        advance()
        done += 1

    ways: dict[Match, np.ndarray] = {}
    if refining:
        ways[Match.REFINE], foreseen = _refined(poses, known, anchor, faces, film, camera, graph, step, progress.check)
        tracking = tracking and not foreseen
    if tracking:
        ways[Match.TRACK] = track_mesh(poses, anchor, known, faces, film, camera, graph, step)
    for _ in range(steps - done):
        advance()
    if len(ways) == 1:
        return ways.popitem()
    chosen = better(ways[Match.REFINE], ways[Match.TRACK], anchor, faces, film, camera, progress.check)
    return chosen, ways[chosen]


def _refined(
    poses: np.ndarray, known: Collection[int], anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera,
    graph: Graph, step: Callable[[], None], check: Callable[[], None],
) -> tuple[np.ndarray, bool]:  # fmt: skip
    """Return the refined poses (T, V, 3), and whether the networks' motion is trusted."""
    refined = refine_poses(poses, anchor, known, faces, film, camera, graph, step)
    foreseen = trusted(poses, refined, known, anchor, faces, film, camera, check)
    deepened = carry_into_depth(poses, refined, anchor, known, graph, camera)
    passes = PASSES_IF_TRUSTED if foreseen else JOINT_PASSES
    return join_poses(deepened, anchor, known, faces, film, camera, graph, step, passes), foreseen


def between(poses: np.ndarray, frame: float) -> np.ndarray:
    """Return the pose (V, 3) at a time between two whole frames, from the whole frames' poses (T, V, 3)."""
    before, share = int(frame), frame - int(frame)
    if not share:
        return np.asarray(poses[before])
    pose: np.ndarray = ((1 - share) * poses[before] + share * poses[before + 1]).astype(poses.dtype)
    return pose


def mismatch(standing: Standing, anchor: int, left_alone: bool) -> str:
    """Return the sentence for a mesh that does not stand as the reference frame shows it.

    Args:
        left_alone: whether it was not matched to the clip for that reason.
    """
    named = named_frame(anchor)
    rest = " The animation was not matched to the clip." if left_alone else ""
    if not standing.legible:
        return (
            f"How the mesh stands cannot be told from {named}: the subject is tiny there compared with its size "
            f"or its path in the other frames. Choose another reference frame.{rest}"
        )
    agree = f"they overlap by {100 * standing.view.overlap:.0f}%"
    if standing.view.overlap >= LEAST_AGREEMENT:
        agree += f", and the outlines are {np.sqrt(standing.view.cost):.1f} pixels apart"
    return (
        f"The mesh does not stand as {named} shows it: {agree}. "
        f"Pose it like the frame, choose another reference frame, or let it be bent into the clip.{rest}"
    )


def named_frame(frame: int) -> str:
    """Return how a sentence names a frame, by its index from 0."""
    return "the first frame" if frame == 0 else f"frame {number_of(frame)}"
