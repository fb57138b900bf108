"""Write `tests/faults.md`: every fault that a test shows to be gone, as an artist would report it, with that test.

    .venv/bin/python tests/fault_index.py

A test declares a fault with `@pytest.mark.fault("one sentence")`, or one of its cases does with
`pytest.param(..., marks=...)`. The marks come from pytest's own collection, without Blender and in a Blender's Python
module; `conftest.py` hands them over.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
ROOT = TESTS.parent
INDEX = TESTS / "faults.md"
VARIABLE = "ACTIONMESH_FAULTS"
"""Names the file into which a collection writes its marks."""
HEAD = """# Faults that are gone

Each was seen on a real or a hostile file, in a real scene, or in a public tracker of a program of this kind. The test
beside it fails if it comes back. Made by `tests/fault_index.py`; {count} faults.
"""


class Fault(NamedTuple):
    """A fault and the test that covers it: `file` relative to the tests' folder, `test` the name of the function."""

    file: str
    test: str
    sentence: str


def main() -> int:
    blenders = sorted(ROOT.glob(".venv-bpy/*/bin/python"))
    if not blenders:
        print("fault_index.py: tests/bpy can be collected in Blender's Python module only. Run build.py test first.")
        return 2
    collections = [
        (sys.executable, ["tests", "--ignore=tests/bpy", "--ignore=tests/window"]),
        (str(blenders[0]), ["tests/bpy"]),
    ]
    found = [fault for python, places in collections for fault in collected(python, places)]
    INDEX.write_text(page(found), encoding="utf-8")
    return 0


def collected(python: str, places: list[str]) -> list[Fault]:
    """Return the faults that a pytest marks in some folders; stop where it cannot collect them."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "faults.json"
        command = [python, "-m", "pytest", "--collect-only", "-q", *places]
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, VARIABLE: str(told)}, stdout=subprocess.DEVNULL, check=True
        )
        marks = json.loads(told.read_text(encoding="utf-8"))
        return [Fault(file, test, as_told(sentence)) for file, test, sentence in marks]


def as_told(sentence: str) -> str:
    """Return a mark's sentence as the page has it."""
    return sentence[:1].upper() + sentence[1:].removesuffix(".")


def page(found: Iterable[Fault]) -> str:
    """Return the whole page."""
    first = {fault.sentence: fault for fault in sorted(set(found), reverse=True)}
    faults = sorted(first.values())
    lines = [HEAD.format(count=len(faults))]
    for file in sorted({fault.file for fault in faults}):
        lines += [f"## {file}", ""]
        lines += [f"- {fault.sentence} (`{fault.test}`)" for fault in faults if fault.file == file]
        lines.append("")
    return "\n".join(lines)


def told_sentences() -> Iterator[str]:
    """Yield the sentences of the page."""
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if line.startswith("- "):
            yield line.removeprefix("- ").rpartition(" (`")[0]


if __name__ == "__main__":
    sys.exit(main())
