"""Make the guide's pictures again: `docs/guide/*.png`, `docs/blender_animate.png` and `docs/blender_result.png`.

    BLENDER=/path/to/blender ACTIONMESH_PYTHON=.venv/bin/python .venv/bin/python docs/guide_pictures.py

It builds the extension, installs it into an empty profile of a Blender with a window, and lets `guide_story.py` press
the buttons there. The story saves the whole screen; here each picture is cropped to what it shows.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from actionmesh.output.film import encode_film  # noqa: E402
from blender_addon.install.computer import this_computer  # noqa: E402

SAMPLE = ROOT / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
BEHIND, RATE = (196, 203, 184), 24
"""The colour behind the husky in its video, and the video's frame rate."""
IN_README = {"blender_animate", "blender_result"}
GAP, MARGIN = 12, 8
"""Pixels between two parts of a picture, and left below the last row that shows something."""
LARGEST, LARGEST_SUM = 150_000, 1_500_000
"""Bytes of a picture, and of all pictures together."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="guide-") as scratch:
        folder = Path(os.environ.get("ACTIONMESH_PICTURES") or scratch)
        run_story(Path(scratch), folder)
        recipes = json.loads((folder / "pictures.json").read_text())
        if recipes["error"]:
            print(recipes["error"], file=sys.stderr)
        return max(write_pictures(folder, recipes["pictures"]), int(bool(recipes["error"])))


def run_story(scratch: Path, folder: Path) -> None:
    """Install the extension into an empty profile and run the story; its screenshots are written to `folder`."""
    blender = shlex.split(os.environ["BLENDER"])
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(scratch / "user")}
    subprocess.run([sys.executable, str(ROOT / "build.py"), "package"], check=True, cwd=ROOT)
    (archive,) = (ROOT / "dist").glob(f"actionmesh-*-{this_computer().platform.replace('-', '_')}.zip")
    install = [*blender, "--command", "extension", "install-file", "--repo", "user_default", str(archive)]
    subprocess.run(install, check=True, env=environment, cwd=ROOT)
    prepare(scratch / "work")
    story = ["--enable-event-simulate", "--window-geometry", "0", "0", "1600", "900"]
    story += ["--python", str(DOCS / "guide_story.py"), "--", str(folder), str(scratch / "work")]
    subprocess.run([*blender, *story], env=environment, cwd=ROOT)


def prepare(work: Path) -> None:
    """Fill the artist's folder: the sample's mesh and clip, and the husky's pictures as a video."""
    work.mkdir()
    shutil.copy(SAMPLE / "clip.mp4", work / "bird.mp4")
    shutil.copy(SAMPLE / "mesh.glb", work / "bird.glb")
    frames = []
    for path in sorted((SAMPLE / "husky").glob("*.webp")):
        picture = Image.open(path).convert("RGBA")
        frames.append(np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, BEHIND), picture))[..., :3])
    encode_film(frames, Fraction(RATE), frames[0].shape[:2], work / "husky.mp4")


def write_pictures(folder: Path, recipes: dict[str, list[dict]]) -> int:
    """Write all pictures; return 1 if any is too large, else 0."""
    sizes = {}
    (DOCS / "guide").mkdir(exist_ok=True)
    for name, parts in recipes.items():
        path = DOCS / f"{name}.png" if name in IN_README else DOCS / "guide" / f"{name}.png"
        beside([cut(folder, part) for part in parts]).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        sizes[path] = path.stat().st_size
    for path, size in sizes.items():
        print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} KB{', too large' * (size > LARGEST)}")
    return int(max(sizes.values(), default=0) > LARGEST or sum(sizes.values()) > LARGEST_SUM)


def cut(folder: Path, part: dict) -> Image.Image:
    """Return a part of a screenshot.

    Args:
        folder: of the screenshots.
        part: "box" is what to cut from the screenshot "shot". "before" is one without the popup to show, "below" one
            with only the panels above those to show. "trim" cuts off empty rows at the bottom.
    """
    picture = read(folder, part["shot"], part["box"])
    if "before" in part:
        picture = picture.crop(ImageChops.difference(picture, read(folder, part["before"], part["box"])).getbbox())
    if "below" in part:
        top = trimmed(read(folder, part["below"], part["box"])).height - MARGIN
        picture = picture.crop((0, top, picture.width, picture.height))
    return trimmed(picture) if part["trim"] else picture


def read(folder: Path, shot: str, box: list[int]) -> Image.Image:
    return Image.open(folder / f"{shot}.png").convert("RGB").crop(box)


def trimmed(picture: Image.Image) -> Image.Image:
    """Cut off the empty rows at the bottom."""
    pixels = np.asarray(picture).astype(int)
    shows_something = np.flatnonzero(np.ptp(pixels, axis=1).max(axis=1) > 8)
    return picture.crop((0, 0, picture.width, min(picture.height, int(shows_something[-1]) + 1 + MARGIN)))


def beside(parts: list[Image.Image]) -> Image.Image:
    """Place pictures beside each other on white, top edges aligned."""
    width = sum(part.width for part in parts) + GAP * (len(parts) - 1)
    sheet = Image.new("RGB", (width, max(part.height for part in parts)), "white")
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width + GAP
    return sheet


if __name__ == "__main__":
    sys.exit(main())
