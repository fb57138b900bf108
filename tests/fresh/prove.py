"""Prove the README's promises on a bare Debian in a folder. Needs Linux and root, and only the standard library.

    python3 tests/fresh/prove.py clone   clones the committed files and runs `build.py demo` and `build.py test`
    python3 tests/fresh/prove.py zip     installs the zip into Debian's Blender, presses Try It and Install Backend

Each makes a Debian with debootstrap, with an ordinary user whose home is empty, and writes `fresh-clone.log` or
`fresh-zip.log`, screenshots, and a table of steps and times. The Debian gets read-only access to this machine's
package sources (pip's configuration, with the folders and certificates that it names) and, for `zip`, to a Python
3.11. The mounts are in their own namespace, so nothing stays mounted, however the program ends. Until the end,
`clone` takes about 8 GB of disk and `zip` 5 GB.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.fresh import clone_proof, lent, zip_proof  # noqa: E402
from tests.fresh.debian import Root, make_bundle  # noqa: E402
from tests.fresh.log import Log, ProofError  # noqa: E402

NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
NEEDED = {"debootstrap": "debootstrap", "unshare": "util-linux", "git": "git"}
"""Programs, and the Debian packages that provide them."""
PLACE, DEBIAN, WORK = "/var/tmp", "debian", "work"
BUNDLE = "/srv/actionmesh.bundle"
"""The path in the root of the committed files, as one bundle."""


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    chosen = parser().parse_args(given)
    if lack := lacking():
        print(f"prove.py: {lack}", file=sys.stderr)
        return 2
    return prove(chosen) if chosen.inside else in_namespaces(given, chosen)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("proof", choices=("clone", "zip"))
    made.add_argument("--only", choices=clone_proof.PARTS, help="clone: run only this command")
    made.add_argument(
        "--zip", type=Path, metavar="FILE", help="zip: use this zip instead of packaging the committed files"
    )
    made.add_argument(
        "--out", type=Path, default=REPOSITORY / "fresh_out", help="folder for log and pictures (%(default)s)"
    )
    made.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help=f"folder for the Debian; a kept one is reused (default: a new one in {PLACE})",
    )
    made.add_argument("--keep", action="store_true", help="keep the Debian")
    made.add_argument(
        "--bind", type=Path, action="append", default=[], metavar="PATH", help="lend this file or folder too"
    )
    made.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PROGRAM",
        help="lend this Python, which must not be the system's",
    )
    made.add_argument("--suite", help="suite of Debian (default: bookworm for clone, trixie for zip)")
    made.add_argument("--mirror", help="mirror of Debian (default: the mirror that apt uses)")
    made.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return made


def lacking() -> str:
    """Return a sentence about what this machine lacks and how to get it; empty if it lacks nothing."""
    if not lent.is_root():
        return "This needs root on Linux. Run it with `sudo -E`."
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    return f"This needs {' and '.join(missing)}. Run: apt-get install -y {' '.join(missing)}" if missing else ""


def in_namespaces(given: list[str], chosen: argparse.Namespace) -> int:
    """Run this script again in its own namespaces, then remove the Debian, which has no mounts outside them."""
    if chosen.root and chosen.root.exists() and any(chosen.root.iterdir()) and not (chosen.root / DEBIAN).is_dir():
        print(f"prove.py: {chosen.root} holds something else. Name another folder.", file=sys.stderr)
        return 2
    folder = (chosen.root or Path(tempfile.mkdtemp(prefix="actionmesh-fresh-", dir=PLACE))).resolve()
    for name in (DEBIAN, WORK):
        (folder / name).mkdir(parents=True, exist_ok=True)
    code = run_to_its_end([*NAMESPACES, sys.executable, __file__, *given, "--root", str(folder), "--inside"])
    shutil.rmtree(folder / WORK if chosen.keep else folder, ignore_errors=True)
    return code


def run_to_its_end(command: list[str]) -> int:
    """Run a program; Ctrl-C and SIGTERM stop it together with everything in its namespaces."""
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.kill())
    try:
        return abs(process.wait())
    except KeyboardInterrupt:
        return 130
    finally:
        process.kill()
        process.wait()


def prove(chosen: argparse.Namespace) -> int:
    """Make the Debian and run the proof; return the exit code."""
    log = Log(chosen.out / f"fresh-{chosen.proof}.log")
    try:
        bundle = make_bundle(REPOSITORY, chosen.root / WORK, log)
        root = make_root(chosen, log)
        if chosen.proof == "clone":
            shutil.copy(bundle, root.inside(BUNDLE))
            clone_proof.prove(root, log, BUNDLE, (chosen.only,) if chosen.only else clone_proof.PARTS)
        else:
            zip_proof.prove(root, log, bundle, chosen.zip, chosen.out)
    except ProofError as error:
        log.write(f"Not proven: {error}")
        return 1
    finally:
        log.write(f"\n{log.table()}")
        log.close()
    return 0


def make_root(chosen: argparse.Namespace, log: Log) -> Root:
    """Make the Debian and lend it files of this machine."""
    suite = chosen.suite or (clone_proof if chosen.proof == "clone" else zip_proof).SUITE
    pip = lent.pip_here(os.environ)
    root = Root(chosen.root / DEBIAN, log, lent.proxies(os.environ))
    with log.step(f"Debian {suite}, by debootstrap"):
        root.make(suite, chosen.mirror or lent.mirror_of_apt())
        root.install("ca-certificates")
        for path in (*pip.paths, *(path.resolve() for path in chosen.bind)):
            root.lend(path)
        root.inside("/etc/pip.conf").write_text(pip.file, encoding="utf-8")
    for python in pythons(chosen):
        root.lend(python.folder)
        zip_proof.offer_python(root, python)
    return root


def pythons(chosen: argparse.Namespace) -> list[lent.Python]:
    """Return the Pythons to lend: those on the command line or, for `zip`, a Python 3.11."""
    named = {program: lent.python_at(program) for program in chosen.python}
    if chosen.proof == "zip" and not named:
        named["python3.11"] = lent.find_python("3.11")
    for program, python in named.items():
        if python is None:
            raise ProofError(f"{program} cannot be lent. Use --python to name one that is not the system's.")
    return [python for python in named.values() if python]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
