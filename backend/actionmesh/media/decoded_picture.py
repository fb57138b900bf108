"""Decoding of pictures with Pillow to upright 8-bit RGBA, and messages for those that it cannot decode.

Palettes, grey, 16 bits a channel and CMYK are converted, and the camera's rotation is applied. Floating-point pictures
(OpenEXR) are refused, because the file does not say how they should look.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import ActionMeshError, MediaError
from ..frame_numbers import number_of
from ..intake import MAX_PIXELS, open_picture

LARGEST = 7680 * 4320
"""Pixels of an 8K picture; larger pictures are shrunk to this, because a job holds several in memory."""
CURE = "Export it again, or choose other frames."


@contextmanager
def told(path: Path, name: str, index: int) -> Iterator[None]:
    """Turn exceptions into a MediaError about frame `index` of the clip `name`, which is in the file `path`.

    All exceptions are handled, because Pillow's readers raise many types for damaged files.
    """
    at = f" (frame {number_of(index)} of {name})" if path.name != name else f" at frame {number_of(index)}"
    try:
        yield
    except (ActionMeshError, MemoryError):
        raise
    except PermissionError as error:
        raise MediaError(f"{path} cannot be read: permission denied.", "Change its permissions.") from error
    except Image.DecompressionBombError as error:
        raise MediaError(
            f"{path} has more than {MAX_PIXELS // 10**6} million pixels{at}.", "Export it smaller."
        ) from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is damaged or not a picture{at}.", CURE) from error
    except ValueError as error:
        if str(error).startswith(("has ", "is ", "says ")):
            raise MediaError(f"{path} {error}.", "Export it again, smaller or in another format.") from error
        raise MediaError(f"{path} is damaged or not a picture{at}.", CURE) from error
    except Exception as error:
        raise MediaError(f"{path} is damaged or not a picture{at}.", CURE) from error


def read_upright(path: Path) -> np.ndarray:
    """Return a picture file as (H, W, 4) uint8, rotated as the camera was held."""
    with open_picture(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return as_rgba(image)


def as_rgba(image: Image.Image) -> np.ndarray:
    """Return any Pillow picture as (H, W, 4) uint8 with at most LARGEST pixels.

    16-bit grey is scaled; Pillow's own conversion would clip it.
    """
    if image.mode == "F":
        raise ValueError("is a picture of floating-point numbers, and the file does not say how bright they should be")
    if image.mode.startswith("I"):
        grey = np.rint(np.asarray(image).astype(np.float64).clip(0, 65535) / 257).astype(np.uint8)
        image = Image.fromarray(grey)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    image = _not_too_large(image)
    return np.asarray(image if image.mode == "RGBA" else image.convert("RGBA"))


def _not_too_large(image: Image.Image) -> Image.Image:
    factor = math.ceil(math.sqrt(image.width * image.height / LARGEST))
    if factor == 1:
        return image
    if image.mode in ("1", "P", "PA"):
        image = image.convert("L" if image.mode == "1" else "RGBA")
    if image.mode in ("LA", "RGBA"):  # premultiplied, so that hidden colours do not bleed into the outline
        return image.convert("RGBA").convert("RGBa").reduce(factor).convert("RGBA")
    return image.reduce(factor)
