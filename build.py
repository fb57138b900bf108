"""Set up and check the project on a new machine, with the standard library alone.

    python3 build.py demo          animates the bundled clips in Blender's Python module and lists the results
    python3 build.py test          checks style and types and runs all tests, also in the oldest and newest Blender
    python3 build.py test --all    the same, with every test in every version of Blender
    python3 build.py package       makes the extension for every platform, as a repository in dist
    python3 build.py bench         measures full-size networks on this machine's card, or small ones on its processor

All commands except `package` check the machine, make `.venv` next to this file and install the pinned requirements
there, again only when they change. `demo` and `test` also make `.venv-bpy/VERSION`; `test` makes one for each version
of Blender whose Python is found. If the variable BLENDER names a full Blender, it is used too. PyTorch comes with CUDA
if an NVIDIA card answers; set the variable ACTIONMESH_TORCH to "cpu" or "cuda" to override that. Python 3.8 can parse
this file; the project itself needs 3.11 to 3.13, which the script looks for. `backend/bootstrap` makes the
environments.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from backend.bootstrap import preflight, repository
from backend.bootstrap.blenders import blender_for_demo, bpy_environment, in_bpy, runnable
from backend.bootstrap.environment import Environment
from backend.bootstrap.errors import BuildError
from backend.bootstrap.packaging import agreed_version, extension_files, write_zip
from backend.bootstrap.requirements import TO_DEVELOP, to_run

ROOT = Path(__file__).resolve().parent
SMOKE = ("test_registration.py", "test_package.py", "test_animating.py", "test_shape_keys.py", "test_exporting.py")
"""The smoke tests in `tests/bpy`, which run in the versions of Blender between the oldest and the newest."""
WITHOUT_BLENDER = ("--ignore=tests/bpy", "--ignore=tests/window")
ONE_CORE = {"OMP_NUM_THREADS": "1"}
"""Several tests run at a time: threads of one that wait for one another would spin on the others' cores."""
PRINTING = Lock()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"demo": demo, "test": test, "package": package, "bench": bench}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--all", action="store_true", help="test: every test in every version of Blender")
    chosen = parser.parse_args(arguments)
    if chosen.all and chosen.command != "test":
        parser.error("--all can only be used with test")
    try:
        return test(ROOT, everything=True) if chosen.all else commands[chosen.command](ROOT)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def demo(root: Path) -> int:
    """Animate the bundled clip, the bundled mesh with it, and a second clip; in Blender if there is one."""
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
    """Install the extension into Blender's Python module and run the demo through its operators; see `docs/demo.py`."""
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
    """Run the demo with the command line instead of Blender."""
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
    """Run all checks, also in Blender, even if some fail; print what was skipped and return the worst exit code."""
    versions, left_out = runnable()
    backend = (Environment(root), to_run() + [TO_DEVELOP])
    blenders = [(bpy_environment(root, version), in_bpy(version)) for version in versions]
    preflight.check(root, [backend, *blenders])
    python = str(backend[0].ensure(backend[1]))
    checks = {
        "ruff": [python, "-m", "ruff", "check", "--output-format", "concise"],
        "format": [python, "-m", "ruff", "format", "--check", "--quiet", "."],
        "mypy": [python, "-m", "mypy"],
        "pytest": [python, "-m", "pytest", "-n", str(at_once()), "--instafail", *WITHOUT_BLENDER],
    }
    codes = {name: run_check(name, command, root, ONE_CORE) for name, command in checks.items()}
    in_full = set(versions if everything else versions[:1] + versions[-1:])
    codes.update(test_in_every_bpy(root, versions, python, in_full))
    codes.update(test_in_window(root, python))
    smoked = [version for version in versions if version not in in_full]
    print("".join(line + "\n" for line in left_out_in_words(left_out, smoked, "window" in codes)), end="", flush=True)
    failed = [name for name, code in codes.items() if code != 0]
    if failed:
        print(f"build.py: {' and '.join(failed)} failed.", file=sys.stderr)
    return max(codes.values())


def at_once() -> int:
    """Return how many tests run at a time: at most four, since each needs memory of its own."""
    return max(1, min(4, os.cpu_count() or 1))


def test_in_every_bpy(root: Path, versions: list[str], python: str, in_full: set[str]) -> dict[str, int]:
    """Run the tests in several versions of Blender at a time; what each prints comes as a whole."""
    environments = {version: bpy_environment(root, version).ensure(in_bpy(version)) for version in versions}
    with ThreadPoolExecutor(at_once()) as pool:
        runs = [pool.submit(test_in_bpy, root, environments[each], each, python, each in in_full) for each in versions]
        return {f"bpy {version}": run.result() for version, run in zip(versions, runs)}


def test_in_bpy(root: Path, environment: Path, version: str, python: str, in_full: bool) -> int:
    """Run `tests/bpy`, or its smoke tests, in Blender's Python module; `python` is the one that runs the backend."""
    tests = ["tests/bpy"] if in_full else [f"tests/bpy/{name}" for name in SMOKE]
    with tempfile.TemporaryDirectory() as user:
        variables = {"BLENDER_USER_RESOURCES": user, "ACTIONMESH_PYTHON": python, **ONE_CORE}
        return run_check(f"bpy {version}", [str(environment), "-m", "pytest", *tests], root, variables, kept=True)


def left_out_in_words(skipped: dict[str, str], smoked: list[str], in_window: bool) -> list[str]:
    """Return a line for each group of tests that did not run in full, with the reason."""
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        versions = ", ".join(version for version in skipped if skipped[version] == reason)
        lines.append(f"Skipped: Blender {versions}, because {reason}.")
    if smoked:
        lines.append(f"Smoke tests only: Blender {', '.join(smoked)}; `build.py test --all` runs every test.")
    if not in_window:
        lines.append("Skipped: tests/window, because there is no Blender (name one in the variable BLENDER).")
    return lines


def test_in_window(root: Path, python: str) -> dict[str, int]:
    """Run `tests/window` in a real Blender if there is one; return its exit code by name."""
    blender = find_blender()
    if not blender:
        return {}
    variables = {"BLENDER": blender, "ACTIONMESH_PYTHON": python}
    return {"window": run_check("window", [python, "-m", "pytest", "tests/window"], root, variables)}


def run_check(
    name: str, command: list[str], root: Path, variables: dict[str, str] | None = None, kept: bool = False
) -> int:
    """Run a command and return its exit code; where `kept`, print what it said when it has ended, in one piece."""
    environment = {**os.environ, **(variables or {})}
    if not kept:
        print(f"== {name}", flush=True)
        return abs(subprocess.call(command, cwd=str(root), env=environment))
    done = subprocess.run(command, cwd=str(root), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with PRINTING:
        print(f"== {name}\n{done.stdout.decode(errors='replace')}", end="", flush=True)
    return abs(done.returncode)


def package(root: Path) -> int:
    """Make the extension for each platform in `dist`, as a repository that Blender can subscribe to."""
    return repository.package(root, repository.find_tool(root, find_blender()))


def bench(root: Path) -> int:
    """Measure the stages on this machine and write the results to `docs/performance.json` and `docs/performance.md`."""
    environment, names = Environment(root), to_run() + [TO_DEVELOP]
    preflight.check(root, [(environment, names)])
    python = environment.ensure(names)
    return abs(subprocess.call([str(python), str(root / "benchmarks" / "full_size.py")], cwd=str(root)))


def find_blender() -> str:
    """Return the command of a full Blender, from the variable BLENDER or the path; empty if there is none."""
    on_path = shutil.which("blender")
    return os.environ.get("BLENDER") or (shlex.quote(on_path) if on_path else "")


if __name__ == "__main__":
    sys.exit(main())
