"""The extension's zips: their contents, for all platforms or for one, and how they are written.

Each zip holds the add-on with the manifest at its top, the backend without its training and evaluation code, the
bundled weights, and wheels exactly as published.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Dict, Union

from .errors import BuildError

PLATFORMS = {
    "linux-x64": "manylinux_2_17_x86_64",
    "windows-x64": "win_amd64",
    "windows-arm64": "win_arm64",
    "macos-arm64": "macosx_11_0_arm64",
    "macos-x64": "macosx_10_12_x86_64",
}
"""Platforms as Blender names them, and the platform tags in the names of their wheels."""
MANIFEST, BACKEND = "blender_manifest.toml", "backend/actionmesh"
LEFT_OUT = tuple(f"{BACKEND}/{part}" for part in ("training/", "evaluation/", "toys/", "sizes.py", "track_file.py"))
"""Parts of the backend that the rest of it does not import: training, evaluation, and what they share."""
PACKED = (".whl", ".mp4", ".webp")
"""Suffixes of files that are already compressed."""
LARGEST = 60_000_000
"""Largest allowed size of a zip, in bytes."""
Files = Dict[str, Union[Path, bytes]]
"""Names in a zip, and their files or contents."""


def agreed_version(root: Path) -> str:
    """Return the version that the backend and the manifest share.

    Raises:
        BuildError: they differ.
    """
    places = {f"{BACKEND}/__init__.py": "__version__", MANIFEST: "version"}
    found = {}
    for name, key in places.items():
        match = re.search(rf'^{key} = "([^"]+)"', (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        found[name] = match.group(1) if match else "none"
    if len(set(found.values())) != 1:
        raise BuildError(
            "The versions differ: " + ", ".join(f"{name} has {version}" for name, version in found.items()) + "."
        )
    return found[MANIFEST]


def check_wheels(root: Path) -> None:
    """Check `wheels/` against its lock and the manifest.

    Raises:
        BuildError: a wheel is missing, changed or not listed.
    """
    lines = (root / "wheels" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    locked = {name: digest for digest, name in (line.split() for line in lines)}
    there = {path.name: sha256_of(path) for path in (root / "wheels").glob("*.whl")}
    listed = set(re.findall(r'"\./wheels/([^"]+)"', (root / MANIFEST).read_text(encoding="utf-8")))
    for name in sorted(locked.keys() | there.keys() | listed):
        if name not in locked or locked[name] != there.get(name):
            raise BuildError(f"wheels/{name} does not match wheels/SHA256SUMS. Restore it from the repository.")
        if name not in listed:
            raise BuildError(f"{MANIFEST} does not list wheels/{name}. Add it there.")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def extension_files(root: Path) -> Files:
    """Return the files of an extension for all platforms, without the program uv, with the add-on at the top."""
    files: Files = {name: root / name for name in (MANIFEST, "LICENSE", "backend/requirements-cpu.txt")}
    for folder in ("blender_addon", BACKEND, "backend/locks", "wheels"):
        inside = "" if folder == "blender_addon" else f"{folder}/"
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root / folder).as_posix()
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))
            if path.is_file() and not hidden and path.suffix != ".pyc" and not (inside + name).startswith(LEFT_OUT):
                files[inside + name] = path
    return files


def platform_files(root: Path, platform: str, uv: Path | None) -> Files:
    """Return the files of the extension for one platform, with only its own wheels and a matching manifest.

    Args:
        uv: the wheel of the program that installs the backend; None where the backend cannot run. The manifest does
            not list it, because Blender unpacks wheels without their programs: the add-on extracts the program.
    """
    everything = extension_files(root)
    files = {name: file for name, file in everything.items() if not name.startswith("wheels/")}
    wheels = [name for name in everything if name.endswith(".whl") and PLATFORMS[platform] in name]
    files.update({name: everything[name] for name in wheels})
    files[MANIFEST] = manifest_for((root / MANIFEST).read_text(encoding="utf-8"), platform, wheels).encode()
    if uv is not None:
        files[f"wheels/{uv.name}"] = uv
    return files


def manifest_for(text: str, platform: str, wheels: list[str]) -> str:
    """Return a manifest with its lists of platforms and wheels replaced."""
    lists = {"platforms": [platform], "wheels": [f"./{name}" for name in wheels]}
    for key, values in lists.items():
        entry = f"{key} = {json.dumps(values)}"
        text, count = re.subn(rf"^{key} = \[[^\]]*\]", entry, text, flags=re.MULTILINE)
        if count != 1:
            raise BuildError(f"{MANIFEST} needs exactly one list of {key}.")
    return text


def write_zip(out: Path, files: Files) -> None:
    """Write a zip atomically, its files sorted by name, all with the same time and permissions.

    Raises:
        BuildError: it would be too large.
    """
    part = out.with_name(".part-" + out.name)
    with zipfile.ZipFile(str(part), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            file = files[name]
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, file if isinstance(file, bytes) else file.read_bytes())
    size = part.stat().st_size
    if size > LARGEST:
        part.unlink()
        raise BuildError(f"{out.name} would be {size / 1e6:.0f} MB; the limit is {LARGEST / 1e6:.0f} MB.")
    part.replace(out)
