"""Prove the zip in a real Blender, as an artist uses it: *Try It*, *Download and Install*, and the sample plays."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .debian import HOME, PROGRAMS, Root, check_strays
from .lent import Python
from .log import Log, ProofError, Step
from .results import check_result

SUITE = "trixie"
"""It has Blender 4.3, whose Python is 3.13."""
OUT, ZIP = "/tmp/proof", f"{HOME}/Downloads"
SCREEN = (1600, 900)
PATIENCE = 2 * 60 * 60
PICTURES = ("1_installed", "2_offline", "3_plan", "4_downloading", "5_testing", "6_animating", "7_playing", "8_again")
HOME_MAY_HOLD = {"Downloads", ".cache", ".config", ".local"}
CURE = re.compile(r"This Blender has no NumPy.*apt-get install (\S+)\)")
TROUBLE = ("Traceback (most recent call last)", "Error: ")


def prove(root: Root, log: Log, bundle: Path, given: Path | None, out: Path) -> None:
    """Press the buttons that an artist presses; raise ProofError if the sample does not play at the end.

    Args:
        bundle: the committed files, from which the zip is made.
        given: a zip to use instead; may be None.
        out: folder for the pictures.
    """
    archive = given or make_zip(bundle, log)
    with log.step("Blender, from Debian") as step:
        root.install("blender", extra=True)
        step.note = root.as_user("blender", "--version").splitlines()[0].strip()
    with log.step("a virtual screen"):
        root.install("xvfb", "imagemagick", "libgl1-mesa-dri")
    root.as_root("rm", "-rf", OUT)
    for folder in (OUT, ZIP):
        root.as_user("mkdir", "-p", folder)
    root.give(archive, f"{ZIP}/{archive.name}")
    root.give(Path(__file__).with_name("artist.py"), f"{OUT}/artist.py")
    if not root.inside("/usr/lib/python3/dist-packages/numpy").exists():
        get_numpy(root, log, f"{ZIP}/{archive.name}")
    with screen(root, log) as display:
        told = be_artist(root, log, f"{ZIP}/{archive.name}", display)
    keep_pictures(root, log, out)
    time.sleep(2)
    check_strays(root)
    check_home(root, log)
    log.steps += [Step(name, seconds, note, told["load"]) for name, seconds, note in told["steps"]]


def make_zip(bundle: Path, log: Log) -> Path:
    """Clone outside the root and run `build.py package`; return the extension for Linux."""
    folder = bundle.with_name("clone")
    with log.step("`python3 build.py package`") as step:
        log.run(["git", "clone", "-q", str(bundle), str(folder)])
        log.run([sys.executable, str(folder / "build.py"), "package"])
        found = sorted((folder / "dist").glob("*linux_x64.zip")) or sorted((folder / "dist").glob("*.zip"))
        step.note = f"{found[-1].name}, {found[-1].stat().st_size / 1e6:.0f} MB"
    return found[-1]


def get_numpy(root: Root, log: Log, archive: str) -> None:
    """Install NumPy as the extension asks; Debian's Blender lacks it, others include it."""
    with log.step("python3-numpy, which Debian's Blender lacks and the extension asks for") as step:
        install = ["blender", "--command", "extension", "install-file", "--repo", "user_default", "--enable", archive]
        printed = root.as_user("env", "BLENDER_USER_RESOURCES=/tmp/first", *install, code=1)
        cure = CURE.search(printed)
        if not cure:
            raise ProofError("The extension does not say what this Blender lacks.")
        root.as_root("apt-get", "install", "-y", "-q", "--no-install-recommends", cure[1])
        step.note = "asked for in a sentence"


@contextmanager
def screen(root: Root, log: Log) -> Iterator[str]:
    """Run a virtual screen; yield its name."""
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = root.command("Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp")
    log.write(f"$ {' '.join(command)}")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=root.variables(), **options) as process:
        try:
            assert process.stdout is not None
            yield f":{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def be_artist(root: Root, log: Log, archive: str, display: str) -> dict:
    """Run Blender with `artist.py`; return the results that it recorded."""
    window = ["--window-geometry", "0", "0", *map(str, SCREEN)]
    script = ["--python", f"{OUT}/artist.py", "--", OUT, archive]
    command = root.command("timeout", str(PATIENCE), "blender", *window, *script)
    printed = log.run(command, root.variables(DISPLAY=display))
    try:
        told = json.loads(root.inside(f"{OUT}/told.json").read_text(encoding="utf-8"))
    except OSError:
        raise ProofError("Blender ended before the sample played.") from None
    log.write(json.dumps(told, indent=1))
    if told["error"]:
        raise ProofError(f"In Blender: {told['error'].strip().splitlines()[-1]}")
    if trouble := [line for line in printed.splitlines() if line.startswith(TROUBLE)]:
        raise ProofError(f"Blender printed: {trouble[0]}")
    return told


def keep_pictures(root: Root, log: Log, out: Path) -> None:
    for name in PICTURES:
        picture = root.inside(f"{OUT}/{name}.png")
        log.write(f"    {name}: {check_result(picture)}")
        shutil.copy(picture, out / f"fresh-{name}.png")


def check_home(root: Root, log: Log) -> None:
    """Raise ProofError unless the home holds only the backend and the usual folders of desktop programs."""
    home = root.inside(HOME)
    root.as_user("du", "-h", "--max-depth=2", ".")
    if strange := {path.name for path in home.iterdir()} - HOME_MAY_HOLD:
        raise ProofError(f"Unexpected in the home: {', '.join(sorted(strange))}.")
    if not (home / ".local" / "share" / "actionmesh" / "envs" / "current.json").exists():
        raise ProofError("The backend is not in the user's folder.")


def offer_python(root: Root, python: Python) -> None:
    """Put a lent Python on all users' path, like one of the system."""
    link = root.inside(PROGRAMS.split(":")[1]) / f"python{python.version}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(python.program)
