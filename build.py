"""Four commands for a fresh machine; standard library only.

    python3 build.py demo          animates the bundled clips in Blender's Python module, says where the results are
    python3 build.py test          checks style and types, runs every test, in the oldest and the newest Blender too
    python3 build.py test --all    the same, and every test in every version of Blender
    python3 build.py package       makes the extension for every platform, and of them a repository, in dist
    python3 build.py bench         measures full-size networks on this machine's card, or small ones on its processor

All but `package` check the machine, then make `.venv` beside this file and install the pinned requirements there,
again only when those change; the first two also `.venv-bpy/VERSION`, `test` one for each version of Blender whose
Python is found. A whole Blender is used where the variable BLENDER names one. PyTorch comes with CUDA where an NVIDIA
card answers; the variable ACTIONMESH_TORCH, "cpu" or "cuda", decides otherwise. Python 3.8 can read this file;
the project itself needs 3.11 to 3.13, which it looks for. `backend/bootstrap` makes the environments.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.bootstrap import preflight, repository
from backend.bootstrap.blenders import blender_for_demo, bpy_environment, in_bpy, runnable
from backend.bootstrap.environment import Environment
from backend.bootstrap.errors import BuildError
from backend.bootstrap.packaging import agreed_version, extension_files, write_zip
from backend.bootstrap.requirements import TO_DEVELOP, to_run

ROOT = Path(__file__).resolve().parent
SMOKE = ("test_registration.py", "test_package.py", "test_animating.py", "test_shape_keys.py", "test_exporting.py")
"""Of `tests/bpy`, what runs in the versions of Blender between the oldest and the newest."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"demo": demo, "test": test, "package": package, "bench": bench}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--all", action="store_true", help="test: every test in every version of Blender")
    chosen = parser.parse_args(arguments)
    if chosen.all and chosen.command != "test":
        parser.error("--all goes with test")
    try:
        return test(ROOT, everything=True) if chosen.all else commands[chosen.command](ROOT)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def demo(root: Path) -> int:
    """Animate the bundled clip, the bundled mesh as it moves, and a real clip; in Blender where there is one."""
    inputs = [find_in_demo(root, name) for name in ("clip.mp4", "mesh.glb", "husky")]
    version, reason = blender_for_demo()
    wanted = [(Environment(root), to_run())] + ([(bpy_environment(root, version), in_bpy(version))] if version else [])
    preflight.check(root, wanted)
    pythons = [environment.ensure(names) for environment, names in wanted]
    print(f"== Animating {f'in Blender {version}' if version else 'without Blender'}", flush=True)
    out = root / "demo_out"
    out.mkdir(exist_ok=True)
    (out / "timings.txt").write_text("", encoding="utf-8")
    code = demo_in_blender(root, pythons, inputs, out) if version else demo_without_blender(pythons[0], inputs, out)
    if code == 0:
        print("Results:", *(path for path in sorted(out.iterdir()) if not path.name.startswith(".")), sep="\n    ")
    if reason:
        print(f"This was without Blender: {reason}.", flush=True)
    return code


def demo_in_blender(root: Path, pythons: list[Path], inputs: list[Path], out: Path) -> int:
    """Install the extension into Blender's Python module and let its operators do the work; see `docs/demo.py`."""
    version, (python, blender) = agreed_version(root), pythons
    with tempfile.TemporaryDirectory() as user:
        extension = Path(user) / f"actionmesh-{version}.zip"
        write_zip(extension, extension_files(root))
        places = {
            "BLENDER_USER_RESOURCES": user,
            "ACTIONMESH_HOME": str(Path(user) / "home"),
            "ACTIONMESH_PYTHON": str(python),
        }
        command = [str(blender), str(root / "docs" / "demo.py"), str(extension), *map(str, [*inputs, out])]
        return abs(subprocess.call(command, stdout=subprocess.DEVNULL, env={**os.environ, **places}))


def demo_without_blender(python: Path, inputs: list[Path], out: Path) -> int:
    """Do the same by the command line."""
    clip, mesh, husky = (str(path) for path in inputs)
    jobs = {"from_video": [clip], "with_mesh": [clip, "--mesh", mesh], "relief": [husky, "--shape", "relief"]}
    for name, sources in jobs.items():
        command = [str(python), "-P", "-m", "actionmesh", "animate"] + sources + ["--preset", "demo"]
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


def test(root: Path, everything: bool = False) -> int:
    """Run every check whatever fails, in Blender too; return the worst exit code, and say what was left out."""
    versions, left_out = runnable()
    backend = (Environment(root), to_run() + [TO_DEVELOP])
    blenders = [(bpy_environment(root, version), in_bpy(version)) for version in versions]
    preflight.check(root, [backend, *blenders])
    python = str(backend[0].ensure(backend[1]))
    checks = {
        "ruff": [python, "-m", "ruff", "check", "--output-format", "concise"],
        "mypy": [python, "-m", "mypy"],
        "pytest": [python, "-m", "pytest", "--ignore=tests/bpy", "--ignore=tests/window"],
    }
    codes = {name: run_check(name, command, root) for name, command in checks.items()}
    in_full = set(versions if everything else versions[:1] + versions[-1:])
    for version in versions:
        codes[f"bpy {version}"] = test_in_bpy(root, version, python, version in in_full)
    codes.update(test_in_window(root, python))
    smoked = [version for version in versions if version not in in_full]
    print("".join(line + "\n" for line in left_out_in_words(left_out, smoked, "window" in codes)), end="", flush=True)
    failed = [name for name, code in codes.items() if code != 0]
    if failed:
        print(f"build.py: {' and '.join(failed)} failed.", file=sys.stderr)
    return max(codes.values())


def test_in_bpy(root: Path, version: str, python: str, in_full: bool) -> int:
    """Run `tests/bpy`, or its smoke tests, in Blender's Python module; `python` is the one that runs the backend."""
    tests = ["tests/bpy"] if in_full else [f"tests/bpy/{name}" for name in SMOKE]
    environment = bpy_environment(root, version).ensure(in_bpy(version))
    with tempfile.TemporaryDirectory() as user:
        variables = {"BLENDER_USER_RESOURCES": user, "ACTIONMESH_PYTHON": python}
        return run_check(f"bpy {version}", [str(environment), "-m", "pytest", *tests], root, variables)


def left_out_in_words(skipped: dict[str, str], smoked: list[str], in_window: bool) -> list[str]:
    """Return a line for everything that did not run, and why; none if all did."""
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        versions = ", ".join(version for version in skipped if skipped[version] == reason)
        lines.append(f"Skipped: Blender {versions}, since {reason}.")
    if smoked:
        lines.append(f"Smoke tests alone: Blender {', '.join(smoked)}; `build.py test --all` runs all everywhere.")
    if not in_window:
        lines.append("Skipped: tests/window, since there is no Blender (the variable BLENDER may name one).")
    return lines


def test_in_window(root: Path, python: str) -> dict[str, int]:
    """Runs `tests/window` in a real Blender, where there is one."""
    blender = find_blender()
    if not blender:
        return {}
    variables = {"BLENDER": blender, "ACTIONMESH_PYTHON": python}
    return {"window": run_check("window", [python, "-m", "pytest", "tests/window"], root, variables)}


def run_check(name: str, command: list[str], root: Path, variables: dict[str, str] | None = None) -> int:
    print(f"== {name}", flush=True)
    return abs(subprocess.call(command, cwd=str(root), env={**os.environ, **(variables or {})}))


def package(root: Path) -> int:
    """Make the extension for each platform, and of them a repository to which Blender can subscribe, in `dist`."""
    return repository.package(root, repository.find_tool(root, find_blender()))


def bench(root: Path) -> int:
    """Measure the stages on this machine; the results are in `docs/performance.json` and `docs/performance.md`."""
    environment, names = Environment(root), to_run() + [TO_DEVELOP]
    preflight.check(root, [(environment, names)])
    python = environment.ensure(names)
    return abs(subprocess.call([str(python), str(root / "benchmarks" / "full_size.py")], cwd=str(root)))


def find_blender() -> str:
    """The command of a whole Blender: that of the variable BLENDER, or the one on the path; empty if there is none."""
    on_path = shutil.which("blender")
    return os.environ.get("BLENDER") or (shlex.quote(on_path) if on_path else "")


if __name__ == "__main__":
    sys.exit(main())
