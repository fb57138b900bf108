"""Four commands for a fresh machine; standard library only.

    python3 build.py demo       animates the bundled clip and mesh in Blender's Python module and says where the results are
    python3 build.py test       checks style and types, and runs every test, also in Blender's Python module
    python3 build.py package    makes the extension that Blender installs, dist/actionmesh-VERSION.zip
    python3 build.py bench      measures full-size networks on this machine's card, or small ones on its processor

All but `package` make `.venv` beside this file and install the pinned requirements there, again only when those change; the
first two also `.venv-bpy/VERSION`, `test` one for each of BLENDERS. A whole Blender is used where the variable BLENDER names one.
PyTorch comes with CUDA where an NVIDIA card answers; the variable ACTIONMESH_TORCH, "cpu" or "cuda", decides otherwise.
Any Python from 3.8 can read this file; the project itself needs one of SUPPORTED, which is looked for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Sequence

ROOT = Path(__file__).resolve().parent
SUPPORTED = ("3.11", "3.12", "3.13")
TO_RUN, TO_DEVELOP = "backend/requirements-cpu.txt", "backend/requirements-dev.txt"
FOR_CUDA, DRIVER_OF_CUDA = "backend/requirements-cuda.txt", 580
BLENDERS, DEMO_BLENDER, PYTHON_OF_BPY = ("4.2", "4.5", "5.0"), "4.5", "3.11"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class BuildError(Exception):
    """What the person at the keyboard can mend; one or two sentences."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"demo": demo, "test": test, "package": package, "bench": bench}
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
    """Animates the bundled clip alone, the bundled mesh as the clip moves, and a real clip, into `demo_out/`; in Blender if
    that can be."""
    inputs = [find_in_demo(root, name) for name in ("clip.mp4", "mesh.glb", "husky")]
    python = Environment(root).ensure(to_run())
    out = root / "demo_out"
    out.mkdir(exist_ok=True)
    (out / "timings.txt").write_text("", encoding="utf-8")
    if find_python([PYTHON_OF_BPY]):
        code = demo_in_blender(root, python, inputs, out)
    else:
        print(f"Without Blender, whose Python module needs Python {PYTHON_OF_BPY}; none was found.", flush=True)
        code = demo_without_blender(python, inputs, out)
    if code == 0:
        print("\n".join(["Results:"] + [f"    {path}" for path in sorted(out.iterdir()) if not path.name.startswith(".")]))
    return code


def demo_in_blender(root: Path, python: Path, inputs: list[Path], out: Path) -> int:
    """Installs the extension into Blender's Python module and lets its operators do the work; see `docs/demo.py`."""
    version = agreed_version(root)
    blender = bpy_environment(root, DEMO_BLENDER).ensure(in_bpy(DEMO_BLENDER))
    with tempfile.TemporaryDirectory() as user:
        extension = Path(user) / f"actionmesh-{version}.zip"
        write_zip(extension, extension_files(root))
        places = {"BLENDER_USER_RESOURCES": user, "ACTIONMESH_HOME": str(Path(user) / "home"), "ACTIONMESH_PYTHON": str(python)}
        command = [str(blender), str(root / "docs" / "demo.py"), str(extension)] + [str(path) for path in inputs + [out]]
        return abs(subprocess.call(command, stdout=subprocess.DEVNULL, env={**os.environ, **places}))


def demo_without_blender(python: Path, inputs: list[Path], out: Path) -> int:
    """The same by the command line."""
    clip, mesh, husky = (str(path) for path in inputs)
    jobs = {"from_video": [clip], "with_mesh": [clip, "--mesh", mesh], "relief": [husky, "--shape", "relief"]}
    for name, sources in jobs.items():
        command = [str(python), "-m", "actionmesh", "animate"] + sources + ["--preset", "demo"]
        for path in (out / f"{name}.glb", out / f"{name}.png"):
            command += ["-o", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode != 0:
            return done.returncode
        with (out / "timings.txt").open("a", encoding="utf-8") as file:
            file.write(f"{name}\n{done.stdout}\n")
    return 0


def find_in_demo(root: Path, name: str) -> Path:
    path = root / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / name
    if not path.exists():
        raise BuildError(f"{path} is missing. Clone the repository again.")
    return path


def test(root: Path) -> int:
    """Runs every check whatever fails, pytest in every Blender too; the worst exit code."""
    python = str(Environment(root).ensure(to_run() + [TO_DEVELOP]))
    checks = {
        "ruff": [python, "-m", "ruff", "check", "--output-format", "concise"],
        "mypy": [python, "-m", "mypy"],
        "pytest": [python, "-m", "pytest", "--ignore=tests/bpy", "--ignore=tests/window"],
    }
    codes = {name: run_check(name, command, root) for name, command in checks.items()}
    codes.update(test_in_bpy(root, python))
    codes.update(test_in_window(root, python))
    failed = [name for name, code in codes.items() if code != 0]
    if failed:
        print(f"build.py: {' and '.join(failed)} failed.", file=sys.stderr)
    return max(codes.values())


def test_in_bpy(root: Path, python: str) -> dict[str, int]:
    """Runs `tests/bpy` in Blender's Python module, in each version; `python` is the one that runs the backend."""
    if not find_python([PYTHON_OF_BPY]):
        print(f"== bpy: skipped, since Blender's Python module needs Python {PYTHON_OF_BPY} and none was found", flush=True)
        return {}
    codes = {}
    for version in BLENDERS:
        environment = bpy_environment(root, version).ensure(in_bpy(version))
        with tempfile.TemporaryDirectory() as user:
            variables = {"BLENDER_USER_RESOURCES": user, "ACTIONMESH_PYTHON": python}
            codes[f"bpy {version}"] = run_check(f"bpy {version}", [str(environment), "-m", "pytest", "tests/bpy"], root, variables)
    return codes


def test_in_window(root: Path, python: str) -> dict[str, int]:
    """Runs `tests/window` in a real Blender, where there is one."""
    blender = find_blender()
    if not blender:
        print("== window: skipped, since there is no Blender (the variable BLENDER may name one)", flush=True)
        return {}
    variables = {"BLENDER": blender, "ACTIONMESH_PYTHON": python}
    return {"window": run_check("window", [python, "-m", "pytest", "tests/window"], root, variables)}


def run_check(name: str, command: list[str], root: Path, variables: dict[str, str] | None = None) -> int:
    print(f"== {name}", flush=True)
    return abs(subprocess.call(command, cwd=str(root), env={**os.environ, **(variables or {})}))


def package(root: Path) -> int:
    """Makes the extension as one zip, the same bytes every time, and has Blender's own tool validate it."""
    version = agreed_version(root)
    check_wheels(root)
    out = root / "dist" / f"actionmesh-{version}.zip"
    out.parent.mkdir(exist_ok=True)
    write_zip(out, extension_files(root))
    print(f"{out}  {out.stat().st_size / 1e6:.1f} MB", flush=True)
    validator = find_validator(root)
    if validator:
        return abs(subprocess.call(validator + [str(out)]))
    print("Not validated: no Blender was found. `python3 build.py test` installs one; the variable BLENDER may name one.")
    return 0


def bench(root: Path) -> int:
    """Measures the stages on this machine; the results are in `docs/performance.json` and `docs/performance.md`."""
    python = Environment(root).ensure(to_run() + [TO_DEVELOP])
    return abs(subprocess.call([str(python), str(root / "benchmarks" / "full_size.py")], cwd=str(root)))


def to_run() -> list[str]:
    """The requirement files of the backend: also PyTorch's with CUDA if there is a card, or the variable says so.

    Raises:
        BuildError: the variable says something else.
    """
    wanted = os.environ.get("ACTIONMESH_TORCH") or ("cuda" if has_card() else "cpu")
    if wanted not in ("cpu", "cuda"):
        raise BuildError(f"The variable ACTIONMESH_TORCH is {wanted!r}. Set it to cpu or cuda, or to nothing.")
    return [TO_RUN] + ([FOR_CUDA] if wanted == "cuda" else [])


def has_card() -> bool:
    """Whether an NVIDIA card answers whose driver is new enough; tells of one that is too old."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    major = re.match(r"\d+", answer)
    if major is None or int(major.group()) >= DRIVER_OF_CUDA:
        return major is not None
    print(f"The NVIDIA driver {answer.split()[0]} is older than {DRIVER_OF_CUDA}: PyTorch comes without CUDA. Update the driver.")
    return False


def agreed_version(root: Path) -> str:
    """The version that the backend and the manifest share.

    Raises:
        BuildError: they differ.
    """
    places = {"backend/actionmesh/__init__.py": "__version__", "blender_manifest.toml": "version"}
    found = {}
    for name, key in places.items():
        match = re.search(rf'^{key} = "([^"]+)"', (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        found[name] = match.group(1) if match else "none"
    if len(set(found.values())) != 1:
        raise BuildError("The versions differ: " + ", ".join(f"{name} has {version}" for name, version in found.items()) + ".")
    return found["blender_manifest.toml"]


def check_wheels(root: Path) -> None:
    """Compares `wheels/` with its lock and with the manifest.

    Raises:
        BuildError: a wheel is missing, changed or not listed.
    """
    lines = (root / "wheels" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    locked = {name: digest for digest, name in (line.split() for line in lines)}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "wheels").glob("*.whl")}
    listed = set(re.findall(r'"\./wheels/([^"]+)"', (root / "blender_manifest.toml").read_text(encoding="utf-8")))
    for name in sorted(locked.keys() | there.keys() | listed):
        if name not in locked or locked[name] != there.get(name):
            raise BuildError(f"wheels/{name} is not the file that wheels/SHA256SUMS names. Restore it from the repository.")
        if name not in listed:
            raise BuildError(f"blender_manifest.toml does not list wheels/{name}. Add it there.")


def extension_files(root: Path) -> dict[str, Path]:
    """What the zip holds: names in it, and the files. The add-on lies at its top, beside the manifest."""
    files = {name: root / name for name in ("blender_manifest.toml", "LICENSE", "backend/requirements-cpu.txt")}
    for folder in ("blender_addon", "backend/actionmesh", "backend/locks", "wheels"):
        inside = "" if folder == "blender_addon" else f"{folder}/"
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root / folder).as_posix()
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))
            if path.is_file() and not hidden and path.suffix != ".pyc":
                files[inside + name] = path
    return files


def write_zip(out: Path, files: dict[str, Path]) -> None:
    """Writes files in the order of their names, all of the same time and rights; appears whole or not at all."""
    part = out.with_name(".part-" + out.name)
    with zipfile.ZipFile(str(part), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(entry, files[name].read_bytes())
    part.replace(out)


def find_validator(root: Path) -> list[str]:
    """The command that validates an extension: Blender's, or the same program in Blender's Python module; may be empty."""
    blender = find_blender()
    if blender:
        return shlex.split(blender) + ["--command", "extension", "validate"]
    for version in reversed(BLENDERS):
        environment = bpy_environment(root, version)
        for tool in environment.folder.glob("**/bl_pkg/cli/blender_ext.py"):
            return [str(environment.python), str(tool), "validate", "--valid-tags="]
    return []


def find_blender() -> str:
    """The command of a whole Blender: that of the variable BLENDER, or the one on the path; empty if there is none."""
    on_path = shutil.which("blender")
    return os.environ.get("BLENDER") or (shlex.quote(on_path) if on_path else "")


class Environment:
    """A virtual environment of a repository.

    Args:
        root: the repository.
        name: of the environment's folder in it.
        module: what must be importable for the environment to be in order.
        versions: of the Pythons that it may be made with.
    """

    def __init__(self, root: Path, name: str = ".venv", module: str = "actionmesh", versions: Sequence[str] = SUPPORTED):
        self.root, self.module, self.versions = root, module, versions
        self.folder = root / name
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = self.folder / "installed.json"

    def ensure(self, names: list[str]) -> Path:
        """Makes sure that requirement files of the repository are installed; returns the interpreter.

        Raises:
            BuildError: no Python fits, or pip fails.
        """
        installed = self._installed() if self._works() else {}
        if all(installed.get(name) == self._hash(name) for name in names):
            return self.python
        if self.stamp.exists():
            self.stamp.unlink()
        if not self._has_pip() or (FOR_CUDA in names and FOR_CUDA not in installed):
            self._create()  # PyTorch without CUDA would pass for the one with it
        self._link_package()
        everything = sorted(set(names) | {name for name in installed if (self.root / name).exists()})
        self._install(everything)
        self.stamp.write_text(json.dumps({name: self._hash(name) for name in everything}), encoding="utf-8")
        return self.python

    def _hash(self, name: str) -> str:
        return hashlib.sha256((self.root / name).read_bytes()).hexdigest()

    def _installed(self) -> dict[str, str]:
        """Hashes of the requirement files as they were when they were installed."""
        try:
            return json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _works(self) -> bool:
        """Whether the interpreter still runs and finds its module: it does not after Python or the folder moved."""
        return succeeds([str(self.python), "-I", "-c", f"import {self.module}"])

    def _has_pip(self) -> bool:
        return succeeds([str(self.python), "-I", "-m", "pip", "--version"])

    def _create(self) -> None:
        python = find_python(self.versions)
        if not python:
            running = ".".join(map(str, sys.version_info[:2]))
            needed = f"ActionMesh needs Python {self.versions[0]} to {self.versions[-1]}"
            raise BuildError(f"{needed}; this is {running} and no other was found. Install one from python.org.")
        print(f"Making {self.folder} ...", flush=True)
        shutil.rmtree(str(self.folder), ignore_errors=True)
        if subprocess.call(python + ["-I", "-m", "venv", str(self.folder)]) != 0:
            cure = "On Debian and Ubuntu, install the package python3-venv."
            raise BuildError(f"{self.folder} could not be made. {cure}")

    def _link_package(self) -> None:
        """Lets `import actionmesh` find `backend/` from any folder, if that is this environment's module."""
        if self.module != "actionmesh":
            return
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = subprocess.check_output([str(self.python), "-I", "-c", code], text=True).strip()
        Path(packages, "actionmesh.pth").write_text(str(self.root / "backend") + "\n", encoding="utf-8")

    def _install(self, names: list[str]) -> None:
        command = [str(self.python), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
        for name in names:
            command += ["-r", str(self.root / name)]
        print(f"Installing {' and '.join(names)} ...", flush=True)
        if subprocess.call(command + self._index_options(names)) != 0:
            raise BuildError("pip could not install what is needed (see above). Check the network and run this again.")

    def _index_options(self, names: list[str]) -> list[str]:
        """PyPI's PyTorch for Linux brings gigabytes of CUDA: asks PyTorch's index too, unless CUDA is wanted or pip set up."""
        if FOR_CUDA in names:
            return []
        command = [str(self.python), "-I", "-m", "pip", "config", "list"]
        configured = subprocess.check_output(command, text=True)
        if not sys.platform.startswith("linux") or "index" in configured or "find-links" in configured:
            return []
        return ["--extra-index-url", PYTORCH_CPU_INDEX]


def in_bpy(version: str) -> list[str]:
    """The requirement files of a version's environment."""
    return ["tests/requirements-bpy.txt", f"tests/requirements-bpy-{version}.txt"]


def bpy_environment(root: Path, version: str) -> Environment:
    """Blender's Python module in an environment of its own."""
    return Environment(root, f".venv-bpy/{version}", "bpy", [PYTHON_OF_BPY])


def find_python(versions: Sequence[str]) -> list[str]:
    """A command that starts a Python of one of these versions, the one that runs this if it fits; empty if there is none."""
    candidates = [[sys.executable]]
    for version in versions:
        candidates += [["python" + version], ["py", "-" + version]]
    return next((command for command in candidates if version_of(command) in versions), [])


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
