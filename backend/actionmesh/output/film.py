"""Encoding of pictures as an .mp4 file, in H.264 if PyAV has an encoder for it."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np


def encode_film(images: Iterable[np.ndarray], rate: Fraction, shape: tuple[int, int], path: Path) -> None:
    """Write (height, width, 3) uint8 pictures as a film.

    Args:
        rate: pictures a second.
        shape: (height, width) of all pictures, even numbers.
        path: the file to write.
    Raises:
        OSError: the file cannot be written.
    """
    encode = _encode_h264 if _has_h264() else _encode_mpeg4
    encode(images, rate, shape, path)


def _has_h264() -> bool:
    return "libx264" in av.codecs_available


def _encode_h264(images: Iterable[np.ndarray], rate: Fraction, shape: tuple[int, int], path: Path) -> None:
    coded = io.BytesIO()
    with av.open(coded, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
        stream.height, stream.width = shape
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    path.write_bytes(coded.getvalue())


def _encode_mpeg4(images: Iterable[np.ndarray], rate: Fraction, shape: tuple[int, int], path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), float(rate), shape[::-1])
    count = 0
    for image in images:
        writer.write(np.ascontiguousarray(image[..., ::-1]))
        count += 1
    writer.release()
    written = cv2.VideoCapture(str(path))
    if int(written.get(cv2.CAP_PROP_FRAME_COUNT)) != count:  # OpenCV does not report failed writes
        raise OSError("OpenCV could not write all frames")
