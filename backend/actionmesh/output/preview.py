"""Pictures of a result beside its input: a contact sheet (.png) and a film (.mp4).

The result is seen from the front, as the clip's camera sees it, and from three quarters, in soft light before a plain
background.
"""

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..animation import Animation
from ..errors import OutputError
from ..media.render import Camera, Light, render_frames
from .appearance import read_appearance
from .atomic import write_atomically
from .gltf_source import open_source

MOST_COLUMNS = 8
SHEET_CELL, FILM_CELL = 256, 384
"""Pixels along the edge of one picture."""
FRONT, THREE_QUARTER = Camera(), Camera(yaw=np.deg2rad(40), pitch=np.deg2rad(14))
LIGHT = Light(direction=(-0.5, 0.8, 0.8), ambient=0.41, key=0.75, rim=0.18, wrap=0.35)
MARGIN = 1.08
TOP_COLOUR, BOTTOM_COLOUR, INK = (243, 243, 244), (219, 220, 223), (96, 99, 105)
FRAME_RATES = (1.0, 60.0)


@dataclass(frozen=True)
class Moments:
    """K moments: `result` (K, C, C, 4) from the front, `turned` from three quarters, `clip` likewise or None."""

    clip: np.ndarray | None
    result: np.ndarray
    turned: np.ndarray

    def rows(self) -> dict[str, np.ndarray]:
        """Captions and pictures, the input first."""
        results = {"front": self.result, "three-quarter": self.turned}
        return results if self.clip is None else {"input": self.clip, **results}


def write_contact_sheet(
    animation: Animation, path: Path, source_mesh: Path | None, clip_frames: np.ndarray | None
) -> None:
    """Writes a .png: a row of input frames, and the result from the front and from three quarters, at up to 8 times.

    Args:
        source_mesh: the mesh that was animated, for its texture; None for one that the model made.
        clip_frames: (T, H, W, 4) uint8, the chosen frames with straight alpha; None leaves the input out.
    Raises:
        OutputError: the file cannot be written.
    """
    poses = _spread(animation)
    sheet = _sheet(_pictures(animation, poses, source_mesh, clip_frames, SHEET_CELL), animation.times[poses])
    coded = io.BytesIO()
    Image.fromarray(sheet).save(coded, "PNG", optimize=True)
    write_atomically(path, lambda part: part.write_bytes(coded.getvalue()))


def write_film(animation: Animation, path: Path, source_mesh: Path | None, clip_frames: np.ndarray | None) -> None:
    """Writes an .mp4 of the input beside the result at the animation's own pace, in H.264 where PyAV has it.

    Arguments and errors are those of `write_contact_sheet`.
    """
    poses = np.arange(len(animation.times))
    rows = _pictures(animation, poses, source_mesh, clip_frames, FILM_CELL).rows()
    ground = _ground(FILM_CELL, FILM_CELL * len(rows))
    images = [_over(np.hstack(pictures), ground) for pictures in zip(*rows.values(), strict=True)]
    rate = _frame_rate(animation.times)
    write_atomically(path, lambda part: _encode(images, rate, part))


def _spread(animation: Animation) -> np.ndarray:
    """Up to 8 poses of whole frames, evenly from the first to the last."""
    whole = np.flatnonzero(animation.frame_indices >= 0)
    poses = whole if len(whole) else np.arange(len(animation.times))
    return poses[np.unique(np.linspace(0, len(poses) - 1, MOST_COLUMNS).round().astype(int))]


def _pictures(
    animation: Animation, poses: np.ndarray, source_mesh: Path | None, clip_frames: np.ndarray | None, cell: int
) -> Moments:
    appearance = read_appearance(open_source(animation, source_mesh))
    vertices = _framed(animation.vertices)[poses][:, appearance.rows]
    result, turned = (
        render_frames(vertices, appearance.faces, appearance.texture, camera, cell, LIGHT)
        for camera in (FRONT, THREE_QUARTER)
    )
    if clip_frames is None:
        return Moments(None, result, turned)
    frames = clip_frames[_shown_frames(animation)[poses]]
    return Moments(_fit(frames, cell), result, turned)


def _framed(vertices: np.ndarray) -> np.ndarray:
    """(T, V, 3) moved and scaled as a whole so that both views hold every pose."""
    points = vertices.astype(np.float64)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    centred = points - (low + high) / 2
    reach = max(np.abs(centred @ camera.axes[:2].T).max() for camera in (FRONT, THREE_QUARTER))
    return centred * (FRONT.half_extent / (MARGIN * max(reach, np.finfo(np.float32).tiny)))


def _shown_frames(animation: Animation) -> np.ndarray:
    """(T,) the clip's frame at each pose; an in-between shows the frame before it."""
    whole = np.where(animation.frame_indices >= 0, np.arange(len(animation.times)), 0)
    return animation.frame_indices[np.maximum.accumulate(whole)].clip(0)


def _fit(frames: np.ndarray, cell: int) -> np.ndarray:
    """(K, cell, cell, 4): the square around the subject in all frames, with a margin."""
    height, width = frames.shape[1:3]
    rows, columns = (np.flatnonzero((frames[..., 3] > 0).any(axis=axes)) for axes in ((0, 2), (0, 1)))
    top, bottom, left, right = (
        (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else (0, height, 0, width)
    )
    side = MARGIN * max(bottom - top, right - left)
    scale = cell / side
    shift = (cell - scale * (left + right)) / 2, (cell - scale * (top + bottom)) / 2
    return np.stack([_resample(frame, scale, shift, cell) for frame in frames])


def _resample(frame: np.ndarray, scale: float, shift: tuple[float, float], cell: int) -> np.ndarray:
    """A straight-alpha frame under p -> scale * p + shift, shrunk by area so that it does not flicker."""
    premultiplied: np.ndarray = frame.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    if scale < 1:
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        premultiplied = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
        scale = 1.0
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    moved: np.ndarray = cv2.warpAffine(premultiplied, matrix, (cell, cell), flags=cv2.INTER_LINEAR)
    moved[..., :3] *= 255 / np.maximum(moved[..., 3:], 1)
    return moved.round().clip(0, 255).astype(np.uint8)


def _sheet(pictures: Moments, times: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8: rows of cells with captions at their left and times above."""
    rows = pictures.rows()
    gap, left, top = SHEET_CELL // 16, SHEET_CELL // 8, SHEET_CELL // 6
    pitch = SHEET_CELL + gap
    sheet = _ground(top + pitch * len(rows), left + pitch * len(times))
    for row, cells in enumerate(rows.values()):
        for column, picture in enumerate(cells):
            place = sheet[top + row * pitch :, left + column * pitch :][:SHEET_CELL, :SHEET_CELL]
            place[:] = _over(picture, place)
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
    """(height, width, 3) uint8: a plain grey that is a little lighter above."""
    share = np.linspace(0, 1, height)[:, None, None]
    colours = np.array(TOP_COLOUR) * (1 - share) + np.array(BOTTOM_COLOUR) * share
    return np.broadcast_to(colours.round().astype(np.uint8), (height, width, 3)).copy()


def _over(picture: np.ndarray, ground: np.ndarray) -> np.ndarray:
    alpha = picture[..., 3:] / 255
    return (picture[..., :3] * alpha + ground * (1 - alpha)).round().astype(np.uint8)


def _frame_rate(times: np.ndarray) -> Fraction:
    """Poses a second on average, within what players show."""
    duration = float(times[-1] - times[0])
    rate = (len(times) - 1) / duration if duration > 0 else FRAME_RATES[0]
    return Fraction(float(np.clip(rate, *FRAME_RATES))).limit_denominator(1001)


def _encode(images: list[np.ndarray], rate: Fraction, path: Path) -> None:
    if _has_h264():
        path.write_bytes(_encode_h264(images, rate))
    else:
        _encode_mpeg4(images, rate, path)


def _has_h264() -> bool:
    return "libx264" in av.codecs_available


def _encode_h264(images: list[np.ndarray], rate: Fraction) -> bytes:
    coded = io.BytesIO()
    with av.open(coded, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return coded.getvalue()


def _encode_mpeg4(images: list[np.ndarray], rate: Fraction, path: Path) -> None:
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), float(rate), (width, height))
    for image in images:
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    written = cv2.VideoCapture(str(path))
    if int(written.get(cv2.CAP_PROP_FRAME_COUNT)) != len(images):  # OpenCV says nothing when a write fails
        raise OutputError(
            f"{path.name} could not be written as a video.", "Choose a folder with room, or save as .png."
        )
