"""Resolve the backend's packages for every platform, Python and kind of PyTorch, from wheels; write `backend/locks`.

    python docs/locks.py UV                  resolves all and writes the locks and the table in docs/installing.md
    python docs/locks.py UV --cpu-wheels DIR  the same, with PyTorch for Linux without CUDA from DIR

UV is the program uv in the version that `backend/locks/uv.txt` names. A lock names every package with its version and
the SHA-256 of its wheels, so that a mirror, a cache or a folder can serve exactly these files and no others. A target
that this machine cannot resolve keeps its lock from an earlier run, if any, and is marked "not resolved here".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS, TABLE = ROOT / "backend" / "locks", ROOT / "docs" / "installing.md"
UV = "uv==0.13.9"
PYTORCH = "https://download.pytorch.org/whl/"
UNPACKED = 3.3
"""Bytes on disk per downloaded byte, as measured with cpu-linux-x64-py311; see docs/installing.md."""


@dataclass(frozen=True)
class Target:
    """One lock to make.

    Args:
        kind: "cpu", "cuda130", "cuda126" or "mps"; "uv" for the installer itself.
        platform: as Blender's manifest names it.
        triple: as uv names it.
        python: version of Python, such as "3.11".
        index: name of PyTorch's own index that has this build; empty if PyPI has it.
    """

    kind: str
    platform: str
    triple: str
    python: str
    index: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.platform}-py{self.python.replace('.', '')}"


LINUX, WINDOWS, MAC = "x86_64-manylinux_2_28", "x86_64-pc-windows-msvc", "aarch64-apple-darwin"
BUILDS = (
    ("cpu", "linux-x64", LINUX, "cpu"),
    ("cpu", "windows-x64", WINDOWS, ""),
    ("mps", "macos-arm64", MAC, ""),
    ("cuda130", "linux-x64", LINUX, ""),
    ("cuda130", "windows-x64", WINDOWS, "cu130"),
    ("cuda126", "linux-x64", LINUX, "cu126"),
    ("cuda126", "windows-x64", WINDOWS, "cu126"),
)
TARGETS = [
    Target(kind, platform, triple, python, index)
    for kind, platform, triple, index in BUILDS
    for python in ("3.11", "3.13")
]
UV_FOR = {"linux-x64": LINUX, "windows-x64": WINDOWS, "macos-arm64": MAC}
NONE_FOR = {"macos-x64": "Intel Macs", "windows-arm64": "Windows on ARM"}


@dataclass(frozen=True)
class Lock:
    """The entry of a lock in `backend/locks/locks.json`.

    Args:
        packages: number of packages.
        download: bytes of the wheels; None if the index does not give the size of one of them.
        installed: bytes on disk, an estimate unless it was measured.
        index: see Target.
    """

    packages: int
    download: int | None
    installed: int | None
    index: str


class Unresolved(Exception):
    """uv found no set of wheels; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uv", type=Path)
    parser.add_argument("--cpu-wheels", type=Path)
    chosen = parser.parse_args(arguments)
    LOCKS.mkdir(exist_ok=True)
    kept = _kept()
    outcomes: dict[str, str] = {}
    write_uv(chosen.uv.absolute())
    for target in TARGETS:
        try:
            text, lock = resolve(chosen.uv.absolute(), target, chosen.cpu_wheels)
        except Unresolved as error:
            outcomes[target.name] = str(error)
        else:
            (LOCKS / f"{target.name}.txt").write_text(text, encoding="utf-8")
            kept[target.name] = lock
            outcomes[target.name] = ""
        print(target.name, outcomes[target.name] or "resolved", flush=True)
    listed = {name: asdict(lock) for name, lock in sorted(kept.items())}
    (LOCKS / "locks.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(_with_table(TABLE.read_text(encoding="utf-8"), outcomes, kept), encoding="utf-8")
    return 0


def write_uv(uv: Path) -> None:
    """Write the lock of uv, one for all platforms, in a format that pip also reads."""
    targets = [Target("uv", platform, triple, "3.11") for platform, triple in UV_FOR.items()]
    texts = [resolve(uv, target, None)[0] for target in targets]
    digests = sorted({digest for text in texts for digest in re.findall(r"--hash=sha256:[0-9a-f]{64}", text)})
    (LOCKS / "uv.txt").write_text(" ".join([UV, *digests]) + "\n", encoding="utf-8")


def _kept() -> dict[str, Lock]:
    """Return the locks of an earlier run, or of another machine's run."""
    try:
        known = json.loads((LOCKS / "locks.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: Lock(**entry) for name, entry in known.items() if (LOCKS / f"{name}.txt").exists()}


def resolve(uv: Path, target: Target, cpu_wheels: Path | None) -> tuple[str, Lock]:
    """Return the text of a lock and its entry; raise Unresolved if no set of wheels fits."""
    with tempfile.TemporaryDirectory() as folder:
        out, asked = Path(folder, "pylock.toml"), Path(folder, "asked.txt")
        asked.write_text(_requirements(target.kind), encoding="utf-8")
        command = [str(uv), "pip", "compile", str(asked), "--no-config", "--no-header", "--only-binary", ":all:"]
        command += ["--python-platform", target.triple, "--python-version", target.python]
        command += ["--format", "pylock.toml", "-o", str(out), *_sources(target, cpu_wheels)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
        )
        if done.returncode != 0:
            raise Unresolved(_reason(done.stderr))
        packages = tomllib.loads(out.read_text(encoding="utf-8"))["packages"]
    lines, sizes = [], []
    for package in packages:
        wheels = [wheel for wheel in package["wheels"] if fits(wheel_name(wheel), target)]
        if not wheels:
            raise Unresolved(f"{package['name']} {package['version']} has no wheel")
        digests = sorted({wheel["hashes"]["sha256"] for wheel in wheels})
        if package["name"] == "torch" and target.index and not package["version"].endswith(f"+{target.index}"):
            raise Unresolved(f"no build +{target.index} of PyTorch for Python {target.python} in reach")
        lines.append(
            " ".join([f"{package['name']}=={package['version']}", *(f"--hash=sha256:{digest}" for digest in digests)])
        )
        sizes.append(_size(wheels, cpu_wheels))
    download = sum(size for size in sizes if size) if all(sizes) else None
    head = f"# {target.name}: made by docs/locks.py, not by hand.\n"
    return head + "\n".join(lines) + "\n", Lock(
        len(lines), download, round(UNPACKED * download) if download else None, target.index
    )


def _requirements(kind: str) -> str:
    """Return the pinned requirements, without the options that only pip understands."""
    if kind == "uv":
        return UV + "\n"
    names = ["requirements-cpu.txt"] + (["requirements-cuda.txt"] if kind.startswith("cuda") else [])
    lines = [line for name in names for line in (ROOT / "backend" / name).read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(("#", "-"))) + "\n"


def _sources(target: Target, cpu_wheels: Path | None) -> list[str]:
    """Return uv's options for sources: PyTorch's index, which takes precedence, or a given folder instead."""
    if target.index == "cpu" and cpu_wheels is not None:
        return ["--find-links", str(cpu_wheels), "--index-strategy", "unsafe-best-match"]
    return ["--index", PYTORCH + target.index, "--index-strategy", "unsafe-best-match"] if target.index else []


def _reason(told: str) -> str:
    """Return in one line why uv could not resolve a target, from its output."""
    if re.search(r"Failed to fetch|error sending request|Connection|403|Forbidden|tunnel", told):
        return "the index was not reached"
    hints = re.findall(r"we only found wheels for `([^`]+)`|Because (\S+) has no wheels", told)
    return f"no wheel of {next(filter(None, hints[0]))}" if hints else "no set of wheels fits"


def wheel_name(wheel: dict) -> str:
    """Return the file name of a wheel in a pylock."""
    return wheel.get("name") or (wheel.get("url") or wheel["path"]).rpartition("/")[2]


def fits(name: str, target: Target) -> bool:
    """Return whether a wheel's tags fit a target; the installer chooses the best of several."""
    _, python, abi, system = name.removesuffix(".whl").rsplit("-", 3)
    version = target.python.replace(".", "")
    stable = abi == "abi3" and any(int(tag[2:]) <= int(version) for tag in python.split(".") if tag.startswith("cp3"))
    plain = abi == "none" and ("py3" in python.split(".") or f"cp{version}" in python or f"py{version}" in python)
    if not (plain or stable or abi == f"cp{version}"):
        return False
    wanted = {
        "linux-x64": r"linux_x86_64|manylinux\w*x86_64",
        "windows-x64": "win_amd64",
        "macos-arm64": r"macosx\w*(arm64|universal2)",
    }
    return system == "any" or re.search(wanted[target.platform], system) is not None


def _size(wheels: list[dict], cpu_wheels: Path | None) -> int | None:
    """Return the size of the largest wheel that fits: an upper bound, as usually only one fits; None if unknown."""
    sizes = [wheel.get("size") or _size_in(cpu_wheels, wheel) for wheel in wheels]
    return None if None in sizes else max(size for size in sizes if size)


def _size_in(folder: Path | None, wheel: dict) -> int | None:
    path = folder / wheel_name(wheel) if folder else None
    return path.stat().st_size if path is not None and path.exists() else None


def _with_table(text: str, outcomes: dict[str, str], kept: dict[str, Lock]) -> str:
    """Return the document with a new table between its two marks."""
    rows = ["| lock | packages | download | installed | |", "|---|---|---|---|---|"]
    for target in TARGETS:
        lock, trouble = kept.get(target.name), outcomes[target.name]
        numbers = ["", "", ""]
        if lock:
            numbers = [str(lock.packages), _in_megabytes(lock.download), _in_megabytes(lock.installed)]
        verdict = f"not resolved here: {trouble}" if trouble else "resolved"
        rows.append(f"| {' | '.join([target.name, *numbers, verdict])} |")
    for platform, owners in NONE_FOR.items():
        rows.append(f"| {platform} | | | | PyTorch has no build for {owners} |")
    before, _, rest = text.partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    return before + "<!-- table -->\n" + "\n".join(rows) + "\n<!-- end -->\n" + after


def _in_megabytes(size: int | None) -> str:
    return f"{size / 1e6:,.0f} MB".replace(",", " ") if size else "?"


if __name__ == "__main__":
    sys.exit(main())
