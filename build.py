"""Two commands for a fresh machine; standard library only.

    python3 build.py demo    animates the bundled mesh by the bundled clip and says where the result is
    python3 build.py test    checks style and types, and runs every test

Both make `.venv` beside this file and install the pinned requirements there, again only when those change.
Any Python from 3.8 can read this file; the project itself needs one of SUPPORTED, which is looked for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SUPPORTED = ("3.11", "3.12", "3.13")
TO_RUN, TO_DEVELOP = "requirements-cpu.txt", "requirements-dev.txt"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class BuildError(Exception):
    """What the person at the keyboard can mend; one or two sentences."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"demo": demo, "test": test}
    parser.add_argument("command", choices=commands)
    chosen = parser.parse_args(arguments)
    try:
        return commands[chosen.command](ROOT)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def demo(root: Path) -> int:
    """Animates the bundled clip alone, and the bundled mesh as the clip moves, into `demo_out/`."""
    clip, mesh = (find_in_demo(root, name) for name in ("clip.mp4", "mesh.glb"))
    python = Environment(root).ensure([TO_RUN])
    out = root / "demo_out"
    out.mkdir(exist_ok=True)
    timings = out / "timings.txt"
    timings.write_text("", encoding="utf-8")
    for name, inputs in (("from_video", [str(clip)]), ("with_mesh", [str(clip), "--mesh", str(mesh)])):
        results = [out / f"{name}.glb", out / f"{name}.png"]
        command = [str(python), "-m", "actionmesh", "animate"] + inputs + ["--preset", "demo"]
        print(f"Animating {' '.join(Path(part).name for part in inputs)} ...", flush=True)
        for path in results:
            command += ["-o", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode != 0:
            return done.returncode
        with timings.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n{done.stdout}\n")
    print(f"Animated meshes  {out / 'from_video.glb'}, {out / 'with_mesh.glb'}")
    print(f"Previews         {out / 'from_video.png'}, {out / 'with_mesh.png'}\nTimings          {timings}")
    return 0


def find_in_demo(root: Path, name: str) -> Path:
    path = root / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / name
    if not path.exists():
        raise BuildError(f"{path} is missing. Clone the repository again.")
    return path


def test(root: Path) -> int:
    """Runs ruff, mypy and pytest, all of them whatever fails; the worst exit code."""
    python = Environment(root).ensure([TO_RUN, TO_DEVELOP])
    codes = {}
    for check in (["ruff", "check", "--output-format", "concise"], ["mypy"], ["pytest"]):
        print(f"== {check[0]}", flush=True)
        codes[check[0]] = abs(subprocess.call([str(python), "-m"] + check, cwd=str(root)))
    failed = [tool for tool, code in codes.items() if code != 0]
    if failed:
        print(f"build.py: {' and '.join(failed)} failed.", file=sys.stderr)
    return max(codes.values())


class Environment:
    """The virtual environment of a repository at `root`."""

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = self.folder / "installed.json"

    def ensure(self, names: list[str]) -> Path:
        """Makes sure that the requirement files `names` of `backend/` are installed; returns the interpreter.

        Raises:
            BuildError: no Python fits, or pip fails.
        """
        installed = self._installed() if self._works() else {}
        if all(installed.get(name) == self._hash(name) for name in names):
            return self.python
        if self.stamp.exists():
            self.stamp.unlink()
        if not self._has_pip():
            self._create()
        self._link_package()
        everything = sorted(set(names) | {name for name in installed if self._file(name).exists()})
        self._install(everything)
        self.stamp.write_text(json.dumps({name: self._hash(name) for name in everything}), encoding="utf-8")
        return self.python

    def _file(self, name: str) -> Path:
        return self.root / "backend" / name

    def _hash(self, name: str) -> str:
        return hashlib.sha256(self._file(name).read_bytes()).hexdigest()

    def _installed(self) -> dict[str, str]:
        """Hashes of the requirement files as they were when they were installed."""
        try:
            return json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _works(self) -> bool:
        """Whether the interpreter still runs and finds the package: it does not after Python or the folder moved."""
        return succeeds([str(self.python), "-I", "-c", "import actionmesh"])

    def _has_pip(self) -> bool:
        return succeeds([str(self.python), "-I", "-m", "pip", "--version"])

    def _create(self) -> None:
        python = find_python()
        print(f"Making {self.folder} ...", flush=True)
        shutil.rmtree(str(self.folder), ignore_errors=True)
        if subprocess.call(python + ["-I", "-m", "venv", str(self.folder)]) != 0:
            cure = "On Debian and Ubuntu, install the package python3-venv."
            raise BuildError(f"{self.folder} could not be made. {cure}")

    def _link_package(self) -> None:
        """Lets `import actionmesh` find `backend/` from any folder."""
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = subprocess.check_output([str(self.python), "-I", "-c", code], text=True).strip()
        Path(packages, "actionmesh.pth").write_text(str(self.root / "backend") + "\n", encoding="utf-8")

    def _install(self, names: list[str]) -> None:
        command = [str(self.python), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
        for name in names:
            command += ["-r", str(self._file(name))]
        print(f"Installing {' and '.join(names)} ...", flush=True)
        if subprocess.call(command + self._index_options()) != 0:
            raise BuildError("pip could not install what is needed (see above). Check the network and run this again.")

    def _index_options(self) -> list[str]:
        """PyPI's PyTorch for Linux brings gigabytes of CUDA: asks PyTorch's own index too, unless pip is configured."""
        command = [str(self.python), "-I", "-m", "pip", "config", "list"]
        configured = subprocess.check_output(command, text=True)
        if not sys.platform.startswith("linux") or "index" in configured or "find-links" in configured:
            return []
        return ["--extra-index-url", PYTORCH_CPU_INDEX]


def find_python() -> list[str]:
    """A command that starts one of the SUPPORTED Pythons: the one that runs this if it fits.

    Raises:
        BuildError: there is none.
    """
    candidates = [[sys.executable]]
    for version in SUPPORTED:
        candidates += [["python" + version], ["py", "-" + version]]
    for command in candidates:
        if version_of(command) in SUPPORTED:
            return command
    running = ".".join(map(str, sys.version_info[:2]))
    needed = f"ActionMesh needs Python {SUPPORTED[0]} to {SUPPORTED[-1]}"
    raise BuildError(f"{needed}; this is {running} and no other was found. Install one from python.org.")


def version_of(command: list[str]) -> str:
    """Such as "3.11"; empty if the command does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.check_output(command + ["-c", code], stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
