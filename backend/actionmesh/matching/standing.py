"""How a mesh stands before the clip's camera: which of its sides is seen, from where, and whether it stands as the frame shows it.

"Faces +Z" means the side that *the camera sees*. Where the mesh stands in the pose of the reference frame, its silhouette finds
that side: of all views around it the right one leaves the smallest distance between the contours. Where it does not stand so,
wrong views fit as well as the right one, and the file's documented front stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.surface import Normalisation, normalise
from ..protocol import Facing
from .camera import FilmCamera
from .film import Film
from .search import AROUND, FRONT, View, angle_between, find_views

EXTENT = 0.75
"""Half the longest side of a mesh's box in match space: that of the toys on which the search's prior was set."""
LARGEST_COST = 0.3
"""Square pixels of the contours' distance above which a mesh does not stand as the frame shows it."""
LEAST_AGREEMENT = 0.94
"""Overlap of silhouette and mask below which it does not either."""
CLOSE = 1.15
"""How much worse the second-best view must at least be for the best one to be beyond doubt."""
YAWS = {Facing.FRONT: 0, Facing.RIGHT: 90, Facing.BACK: 180, Facing.LEFT: -90}
"""Degrees around +Y from +Z to the axis that the mesh faces."""


@dataclass(frozen=True)
class Standing:
    """A mesh before the camera.

    Args:
        yaw: degrees around +Y from the file's +Z to the side that the camera sees.
        to_match: from the mesh's coordinates to match space, where that side is at +Z.
        view: the camera of match space and film, and how well it explains the reference frame.
        doubtful: another side explains the frame almost as well; its yaw in degrees.
    """

    yaw: float
    to_match: Normalisation
    view: View
    doubtful: float | None = None

    @property
    def turn(self) -> np.ndarray | None:
        """(3, 3) rotation of the mesh that takes the seen side to +Z; None where it is there."""
        return self.to_match.turn

    @property
    def agrees(self) -> bool:
        """Whether the mesh stands as the reference frame shows it."""
        return self.view.overlap >= LEAST_AGREEMENT and self.view.cost < LARGEST_COST


def stand(
    vertices: np.ndarray, faces: np.ndarray, film: Film, frame: int, facing: Facing, check: Callable[[], None] = lambda: None
) -> Standing:
    """Return how a mesh stands in the reference frame.

    Args:
        vertices: (V, 3) float32, the mesh's own coordinates; faces: (F, 3).
        frame: of the film.
        facing: the side that the camera sees; AUTO looks for it around the whole circle.
        check: called now and then; what it raises ends the search.
    """
    if facing is not Facing.AUTO:
        return _facing(vertices, faces, film, frame, YAWS[facing], check)
    placed, to_match = normalise(vertices, EXTENT)
    views = find_views(placed, faces, film, frame, AROUND, check)
    if views[0].cost >= LARGEST_COST:
        return _facing(vertices, faces, film, frame, 0, check)
    yaw = float(np.degrees(views[0].camera.yaw))
    turned = replace(to_match, turn=turn_of(yaw))
    camera = replace(views[0].camera, yaw=0.0)
    return Standing(wrapped(yaw), turned, replace(views[0], camera=camera), _second(views))


def _facing(vertices: np.ndarray, faces: np.ndarray, film: Film, frame: int, yaw: float, check: Callable[[], None]) -> Standing:
    placed, to_match = normalise(vertices, EXTENT, turn_of(yaw) if yaw else None)
    return Standing(yaw, to_match, find_views(placed, faces, film, frame, FRONT, check)[0])


def _second(views: list[View]) -> float | None:
    """The yaw, in degrees, of another view that is almost as good as the best."""
    for view in views[1:]:
        if angle_between(view.camera, views[0].camera) > AROUND.apart and view.cost < min(CLOSE * views[0].cost, LARGEST_COST):
            return wrapped(float(np.degrees(view.camera.yaw)))
    return None


def turn_of(yaw: float) -> np.ndarray:
    """Return the rotation (3, 3) around +Y that takes what is at `yaw` degrees from +Z to +Z."""
    sin, cos = np.sin(np.radians(yaw)), np.cos(np.radians(yaw))
    return np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])


def wrapped(degrees: float) -> float:
    """Return the same direction between -180 and 180 degrees."""
    return (degrees + 180.0) % 360.0 - 180.0


def camera_in_mesh(camera: FilmCamera, to_match: Normalisation) -> np.ndarray:
    """Return (4, 4) from a camera that looks along its -Z, +Y up, to the mesh's own coordinates.

    An orthographic camera, which has no place, stands two sizes of the mesh away.
    """
    distance = 1 / camera.inverse_distance if camera.inverse_distance > 0 else 4 * EXTENT + 2 * EXTENT
    film = np.array([-camera.shift[0], -camera.shift[1], distance * camera.scale])
    matrix = np.eye(4)
    axes = camera.axes if to_match.turn is None else camera.axes @ to_match.turn
    matrix[:3, :3] = axes.T
    matrix[:3, 3] = to_match.invert(camera.to_model(film))
    return matrix
