"""A static extension repository that Blender can subscribe to: a zip for each platform, and the list `index.json`.

Blender's own tool checks each zip and makes the list. It comes with Blender and with its Python module.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from pathlib import Path

from .blenders import PYTHON_OF, bpy_environment
from .packaging import PLATFORMS, agreed_version, check_wheels, platform_files, write_zip
from .uv_wheels import fetch_wheels

LIST = "index.json"
WITHOUT_TOOL = (
    "The zips are not validated and index.json is missing, because there is no Blender. "
    "Run `build.py test`, which installs one, or name one in the variable BLENDER."
)


def package(root: Path, tool: list[str]) -> int:
    """Make the repository in `dist`, reproducibly; return the exit code of Blender's tool.

    The previous contents stay until everything is made and checked.

    Args:
        tool: the command of Blender's tool; empty if there is none.
    """
    version = agreed_version(root)
    check_wheels(root)
    wheels, out = fetch_wheels(root), root / "dist"
    with tempfile.TemporaryDirectory(prefix=".part-dist-", dir=str(root)) as scratch:
        folder = Path(scratch)
        for platform in PLATFORMS:
            write_zip(folder / zip_name(version, platform), platform_files(root, platform, wheels.get(platform)))
        code = check_and_list(folder, tool) if tool else 0
        if code != 0:
            return code
        _replace(out, folder)
    for platform in PLATFORMS:
        path = out / zip_name(version, platform)
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB", flush=True)
    print(out / LIST if tool else WITHOUT_TOOL, flush=True)
    return 0


def zip_name(version: str, platform: str) -> str:
    """Return the name that Blender's tool gives the zip of one platform."""
    return f"actionmesh-{version}-{platform.replace('-', '_')}.zip"


def check_and_list(folder: Path, tool: list[str]) -> int:
    """Check the zips of a folder with Blender's tool and write their list; return its exit code."""
    for path in sorted(folder.glob("*.zip")):
        code = _run([*validate(tool), str(path)])
        if code != 0:
            return code
    code = _run([*tool, "server-generate", f"--repo-dir={folder}"])
    if code == 0:
        _sort(folder / LIST)
    return code


def validate(tool: list[str]) -> list[str]:
    """Return the command that checks a zip; the Python module's tool does not know Blender's tags."""
    return [*tool, "validate", *([] if "--command" in tool else ["--valid-tags="])]


def find_tool(root: Path, blender: str) -> list[str]:
    """Return the command of the tool, from a full Blender or else its Python module; empty if there is neither."""
    if blender:
        return shlex.split(blender) + ["--command", "extension"]
    for version in reversed(list(PYTHON_OF)):
        environment = bpy_environment(root, version)
        for path in environment.folder.glob("**/bl_pkg/cli/blender_ext.py"):
            return [str(environment.python), str(path)]
    return []


def _run(command: list[str]) -> int:
    """Run the tool and return its exit code; its output is printed only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        print(done.stdout, flush=True)
    return abs(done.returncode)


def _sort(path: Path) -> None:
    """Sort a list by file name, because the tool uses the order on the disk."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    listed["data"].sort(key=lambda entry: entry["archive_url"])
    path.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _replace(out: Path, folder: Path) -> None:
    """Replace the previous repository with the new one."""
    out.mkdir(exist_ok=True)
    for path in (*out.glob("actionmesh-*.zip"), *out.glob(LIST)):
        path.unlink()
    for path in sorted(folder.iterdir()):
        path.replace(out / path.name)
