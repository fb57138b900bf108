"""The wheels of uv, the program that installs the backend: pip downloads them once and checks them against a lock.

They are too large for the repository. Only the three platforms that PyTorch supports need one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .environment import Environment
from .errors import BuildError
from .packaging import PLATFORMS, sha256_of
from .pythons import succeeds

LOCK, KEPT = "backend/locks/uv.txt", ".wheels"
FOR = ("linux-x64", "windows-x64", "macos-arm64")


def fetch_wheels(root: Path) -> dict[str, Path]:
    """Return the wheel for each platform, downloading those that are missing.

    Raises:
        BuildError: pip is missing, cannot reach the file, or gets a different one.
    """
    (root / KEPT).mkdir(exist_ok=True)
    return {platform: _kept(root, platform) or _download(root, platform) for platform in FOR}


def _kept(root: Path, platform: str) -> Path | None:
    digests = set(re.findall(r"sha256:([0-9a-f]{64})", (root / LOCK).read_text(encoding="utf-8")))
    found = sorted((root / KEPT).glob(f"uv-*{PLATFORMS[platform]}*.whl"))
    return next((path for path in found if sha256_of(path) in digests), None)


def _download(root: Path, platform: str) -> Path:
    """Download a wheel with pip into a temporary folder, so that only a complete and verified file is kept."""
    python = _python_with_pip(root)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=str(root / KEPT)) as folder:
        words = ["download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off"]
        words += ["--platform", PLATFORMS[platform], "-r", str(root / LOCK), "-d", folder]
        print(f"== Downloading uv for {platform}", flush=True)
        done = subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != 0:
            raise BuildError(_explained(done.stdout, platform))
        for path in Path(folder).glob("*.whl"):
            path.replace(root / KEPT / path.name)
    kept = _kept(root, platform)
    if kept is None:
        raise BuildError(f"pip did not download the wheel of uv for {platform} that {LOCK} names. Restore that file.")
    return kept


def _python_with_pip(root: Path) -> str:
    for python in (sys.executable, str(Environment(root).python)):
        if succeeds([python, "-m", "pip", "--version"]):
            return python
    raise BuildError("Downloading uv needs pip. Install it (Debian: python3-pip), or run `build.py demo` first.")


def _explained(told: str, platform: str) -> str:
    if "DO NOT MATCH THE HASHES" in told:
        return (
            f"pip received a wheel of uv for {platform} that does not match {LOCK}. "
            "Check the index or the folder of wheels that pip uses."
        )
    errors = [line[6:].strip().rstrip(".") for line in told.splitlines() if line.startswith("ERROR:")]
    return (
        f"The wheel of uv for {platform} could not be downloaded ({errors[-1] if errors else 'pip gave no reason'}). "
        f"Check the network and pip's settings, or put the wheel into {KEPT}, then run this again."
    )
