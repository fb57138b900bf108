"""The extension's zips: what is in them, for every platform or for one, and how they are written.

Each zip holds the add-on with the manifest at its top, the backend that computes (what trains and evaluates it stays
in the repository), the bundled weights, and wheels as their makers published them.
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
"""Platforms as Blender names them, and what the names of their wheels say."""
MANIFEST, BACKEND = "blender_manifest.toml", "backend/actionmesh"
LEFT_OUT = (f"{BACKEND}/training/", f"{BACKEND}/evaluation/")
"""Parts of the backend that nothing else of it imports."""
PACKED = (".whl", ".mp4", ".webp")
"""Endings of files that no compression makes smaller."""
LARGEST = 60_000_000
"""Bytes of a zip."""
Files = Dict[str, Union[Path, bytes]]
"""Names in a zip, and the files or contents."""


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
    """Compare `wheels/` with its lock and with the manifest.

    Raises:
        BuildError: a wheel is missing, changed or not listed.
    """
    lines = (root / "wheels" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    locked = {name: digest for digest, name in (line.split() for line in lines)}
    there = {path.name: sha256_of(path) for path in (root / "wheels").glob("*.whl")}
    listed = set(re.findall(r'"\./wheels/([^"]+)"', (root / MANIFEST).read_text(encoding="utf-8")))
    for name in sorted(locked.keys() | there.keys() | listed):
        if name not in locked or locked[name] != there.get(name):
            raise BuildError(
                f"wheels/{name} is not the file that wheels/SHA256SUMS names. Restore it from the repository."
            )
        if name not in listed:
            raise BuildError(f"{MANIFEST} does not list wheels/{name}. Add it there.")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def extension_files(root: Path) -> Files:
    """Return what an extension for every platform holds, without the program uv. The add-on lies at its top."""
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
    """Return what the extension for one platform holds: its own wheels alone, and a manifest that says so.

    Args:
        uv: the wheel of the program that installs the backend; None where the backend cannot run. Blender is not told
            of it, since it would unpack it in vain: the add-on takes the program out.
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
    """Return a manifest with other lists of platforms and wheels."""
    lists = {"platforms": [platform], "wheels": [f"./{name}" for name in wheels]}
    for key, values in lists.items():
        entry = f"{key} = {json.dumps(values)}"
        text, count = re.subn(rf"^{key} = \[[^\]]*\]", entry, text, flags=re.MULTILINE)
        if count != 1:
            raise BuildError(f"{MANIFEST} needs one list of {key}.")
    return text


def write_zip(out: Path, files: Files) -> None:
    """Write files in the order of their names, all of the same time and rights; appears whole or not at all.

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
        raise BuildError(f"{out.name} would have {size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} is the limit.")
    part.replace(out)
