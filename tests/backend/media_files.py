"""Small videos and pictures for tests, whose frames can be told apart by their brightness."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

GREY_STEP = 4


def numbered_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return (T, H, W, 3) uint8: frame i is grey of brightness 4 i, with a dark square in the upper left corner."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = (np.arange(count) % 64 * GREY_STEP)[:, None, None, None]
    frames[:, : height // 4, : width // 4] = 0
    return frames


def numbers_of(frames: np.ndarray) -> list[int]:
    """Return the numbers of these `numbered_frames`, read from their lower half."""
    lower = frames[:, frames.shape[1] // 2 + 2 :, :, :3].astype(float)
    return np.rint(lower.mean(axis=(1, 2, 3)) / GREY_STEP).astype(int).tolist()


def write_video(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: int = 24,
    keyframe_every: int = 12,
    milliseconds: list[int] | None = None,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Encode (T, H, W, 3 or 4) uint8; `milliseconds` are the frames' own times."""
    if codec == "libx264":
        options = {"crf": "4", "preset": "ultrafast", "bf": "2"} | options
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.gop_size = pixel_format, keyframe_every
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.shape[-1] == 3 else "rgba")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if "svtav1" in codec:
        be_ordinary_again()
    return path


def be_ordinary_again() -> None:
    """Undo what SVT-AV1 does to root's process: it runs its threads in real time, which starves everything else."""
    if hasattr(os, "sched_setscheduler"):
        for thread in os.listdir("/proc/self/task"):
            os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))


def turn_mp4(path: Path) -> None:
    """Make the display matrix in an mp4's track header say "turn a quarter clockwise", as phones do."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    assert struct.unpack_from(">9i", data, matrix) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, matrix, 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def cut(path: Path, share: float) -> Path:
    """Keep the first `share` of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def save_pictures(folder: Path, frames: np.ndarray, names: str = "walk_{}.png") -> Path:
    """Write (T, H, W, 3 or 4) uint8 as numbered pictures."""
    folder.mkdir(exist_ok=True)
    for number, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / names.format(number))
    return folder
