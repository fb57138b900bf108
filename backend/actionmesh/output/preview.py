"""Previews of a result next to its input: a contact sheet (.png) and a film (.mp4).

The result is shown from the front and from three quarters, in soft light on a plain background. If the clip's camera is
known, the result's outline is also drawn over the clip.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..animation import Animation
from ..files.atomic import write_atomically
from ..media.frame_file import Frames
from ..media.render import Camera, Light, render
from ..media.subject_crops import Box, SubjectCrops, box_of
from .appearance import read_appearance
from .film import encode_film
from .gltf_source import open_source
from .outline import Outliner, Window, resample

MOST_COLUMNS = 8
SHEET_CELL, FILM_CELL = 256, 384
"""Pixels along the edge of one picture."""
FRONT, THREE_QUARTER = Camera(), Camera(yaw=np.deg2rad(40), pitch=np.deg2rad(14))
LIGHT = Light(direction=(-0.5, 0.8, 0.8), ambient=0.41, key=0.75, rim=0.18, wrap=0.35)
MARGIN = 1.08
TOP_COLOUR, BOTTOM_COLOUR, INK = (243, 243, 244), (219, 220, 223), (96, 99, 105)
FRAME_RATES = (1.0, 60.0)


class Stage:
    """Everything that is the same for all poses: the mesh's surface, and the framing of mesh and clip.

    Args:
        animation: the result.
        source_mesh: the mesh that was animated, for its texture; None for one that the model made.
        clip_frames: (T, H, W, 4) uint8, the chosen frames with straight alpha; None omits the input.
        crops: the subject of the same frames at the clip's own resolution; None omits the outline.
        cell: pixels along the edge of a picture.
        cameras: the cameras that show the result.
    """

    def __init__(
        self,
        animation: Animation,
        source_mesh: Path | None,
        clip_frames: Frames | None,
        crops: SubjectCrops | None,
        cell: int,
        cameras: Sequence[Camera] = (FRONT, THREE_QUARTER),
    ):
        self._vertices, self._cell, self._clip, self._cameras = animation.vertices, cell, clip_frames, cameras
        self._surface = read_appearance(open_source(animation, source_mesh))
        self._centre, self._scale = _framing(animation.without_strays().vertices, cameras)
        self._shown_frames = _shown_frames(animation)
        self._crop = None if clip_frames is None else _crop(clip_frames)
        self._outliner = None
        if clip_frames is not None and crops is not None and self._crop is not None:
            self._outliner = _outliner(animation, crops, self._crop, clip_frames.shape[2], cell)
        self._pose_of_frame = {int(frame): pose for pose, frame in enumerate(animation.frame_indices) if frame >= 0}

    @property
    def captions(self) -> list[str]:
        """The names of the pictures with the default cameras."""
        input_row = [] if self._clip is None else ["input"]
        outline_row = [] if self._outliner is None else ["outline"]
        return [*input_row, *outline_row, "front", "three-quarter"]

    def pictures(self, pose: int) -> list[np.ndarray]:
        """Return a pose's pictures, (cell, cell, 4) uint8: input and outline if present, then each camera's view."""
        mesh = (self._vertices[pose, self._surface.rows] - self._centre) * self._scale
        faces, texture = self._surface.faces, self._surface.texture
        results = [render(mesh, faces, texture, camera, self._cell, LIGHT) for camera in self._cameras]
        if self._clip is None or self._crop is None:
            return results
        frame = int(self._shown_frames[pose])
        clip = [_fit(self._clip[frame], self._crop, self._cell)]
        if self._outliner is not None:  # the shown frame's pose: an in-between matches no frame
            clip.append(self._outliner.picture(frame, self._vertices[self._pose_of_frame[frame]]))
        return [*clip, *results]


def write_contact_sheet(
    animation: Animation,
    path: Path,
    source_mesh: Path | None,
    clip_frames: Frames | None,
    crops: SubjectCrops | None = None,
) -> None:
    """Write a .png with rows of up to 8 pictures: input, input with outline, result from the front and three quarters.

    For the arguments see `Stage`.

    Raises:
        OutputError: the file cannot be written.
    """
    stage, poses = Stage(animation, source_mesh, clip_frames, crops, SHEET_CELL), _spread(animation)
    rows = list(zip(*(stage.pictures(pose) for pose in poses), strict=True))
    sheet = _sheet(dict(zip(stage.captions, rows, strict=True)), animation.times[poses])
    coded = io.BytesIO()
    Image.fromarray(sheet).save(coded, "PNG")
    write_atomically(path, lambda part: part.write_bytes(coded.getvalue()))


def write_film(
    animation: Animation,
    path: Path,
    source_mesh: Path | None,
    clip_frames: Frames | None,
    crops: SubjectCrops | None = None,
) -> None:
    """Write an .mp4 of the input next to the result at the animation's own pace, in H.264 if PyAV has it.

    For the arguments see `Stage`.

    Raises:
        OutputError: the file cannot be written.
    """
    stage, rate = Stage(animation, source_mesh, clip_frames, crops, FILM_CELL), _frame_rate(animation.times)
    ground = _ground(FILM_CELL, FILM_CELL * len(stage.captions))
    images = (over(np.hstack(stage.pictures(pose)), ground) for pose in range(len(animation.times)))
    write_atomically(path, lambda part: encode_film(images, rate, ground.shape[:2], part))


def _spread(animation: Animation) -> np.ndarray:
    """Return up to 8 poses of frames, evenly spaced from the first to the last."""
    whole = np.flatnonzero(animation.frame_indices >= 0)
    poses = whole if len(whole) else np.arange(len(animation.times))
    return poses[np.unique(np.linspace(0, len(poses) - 1, MOST_COLUMNS).round().astype(int))]


def _shown_frames(animation: Animation) -> np.ndarray:
    """Return (T,) the clip's frame at each pose; an in-between shows the frame before it."""
    whole = np.where(animation.frame_indices >= 0, np.arange(len(animation.times)), 0)
    return animation.frame_indices[np.maximum.accumulate(whole)].clip(0)


def _framing(vertices: np.ndarray, cameras: Sequence[Camera]) -> tuple[np.ndarray, float]:
    """Return the centre (3,) and the scale with which every pose (T, V, 3) fits into all views."""
    centre = (vertices.min(axis=(0, 1)).astype(np.float64) + vertices.max(axis=(0, 1))) / 2
    planes = np.concatenate([camera.axes[:2] for camera in cameras])
    reach = max(float(np.abs((pose - centre) @ planes.T).max()) for pose in vertices)
    return centre, FRONT.half_extent / (MARGIN * max(reach, float(np.finfo(np.float32).tiny)))


def _crop(frames: Frames) -> tuple[float, float, float]:
    """Return the centre (x, y) and side, in pixels, of the square around the subject in all frames, with a margin."""
    seen = box_of(reduce(np.logical_or, (frame[..., 3] > 0 for frame in frames)))
    box = seen or Box(0, 0, *frames.shape[1:3])
    return box.left + box.width / 2, box.top + box.height / 2, MARGIN * max(box.height, box.width)


def _outliner(
    animation: Animation, crops: SubjectCrops, crop: tuple[float, float, float], width: int, cell: int
) -> Outliner | None:
    """Return the outliner for the square `crop` of frames that are `width` pixels wide; None without a camera."""
    camera = animation.provenance.fit.camera
    if camera is None or crops.box is None or (camera.height, camera.width) != crops.frame_size:
        return None
    x, y, side = (value * camera.width / width for value in crop)
    return Outliner(animation.faces, camera, crops, Window((x - side / 2, y - side / 2), side, cell))


def _fit(frame: np.ndarray, crop: tuple[float, float, float], cell: int) -> np.ndarray:
    """Return the crop of a frame, (cell, cell, 4)."""
    x, y, side = crop
    scale = cell / side
    return resample(frame, scale, (cell / 2 - scale * x, cell / 2 - scale * y), cell)


def _sheet(rows: dict[str, tuple[np.ndarray, ...]], times: np.ndarray) -> np.ndarray:
    """Return rows of cells with captions on the left and times above, (height, width, 3) uint8."""
    gap, left, top = SHEET_CELL // 16, SHEET_CELL // 8, SHEET_CELL // 6
    pitch = SHEET_CELL + gap
    sheet = _ground(top + pitch * len(rows), left + pitch * len(times))
    for row, cells in enumerate(rows.values()):
        for column, picture in enumerate(cells):
            place = sheet[top + row * pitch :, left + column * pitch :][:SHEET_CELL, :SHEET_CELL]
            place[:] = over(picture, place)
    image = Image.fromarray(sheet)
    for column, time in enumerate(times):
        _caption(image, f"{time:.2f} s", (left + column * pitch + SHEET_CELL // 2, top // 2))
    for row, name in enumerate(rows):
        _caption(image, name, (left // 2, top + row * pitch + SHEET_CELL // 2), upright=True)
    return np.asarray(image)


def _caption(image: Image.Image, text: str, centre: tuple[int, int], upright: bool = False) -> None:
    font = ImageFont.load_default(SHEET_CELL // 16)
    _, _, width, height = font.getbbox(text)
    label = Image.new("L", (int(width) + 2, int(height) + 4))
    ImageDraw.Draw(label).text((1, 1), text, font=font, fill=255)
    label = label.transpose(Image.Transpose.ROTATE_90) if upright else label
    corner = (centre[0] - label.width // 2, centre[1] - label.height // 2)
    image.paste(INK, corner, label)


def _ground(height: int, width: int) -> np.ndarray:
    """Return a plain grey that is slightly lighter at the top, (height, width, 3) uint8."""
    share = np.linspace(0, 1, height)[:, None, None]
    colours = np.array(TOP_COLOUR) * (1 - share) + np.array(BOTTOM_COLOUR) * share
    return np.broadcast_to(colours.round().astype(np.uint8), (height, width, 3)).copy()


def over(picture: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Composite a straight-alpha picture (height, width, 4) over an opaque one (height, width, 3); uint8."""
    alpha = picture[..., 3:] / 255
    return (picture[..., :3] * alpha + ground * (1 - alpha)).round().astype(np.uint8)


def _frame_rate(times: np.ndarray) -> Fraction:
    """Return the average number of poses a second, within the range that players support."""
    duration = float(times[-1] - times[0])
    rate = (len(times) - 1) / duration if duration > 0 else FRAME_RATES[0]
    return Fraction(float(np.clip(rate, *FRAME_RATES))).limit_denominator(1001)
