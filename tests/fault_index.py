"""Write `tests/faults.md`: every fault that a test shows to be gone, as an artist would report it, with that test.

    python3 tests/fault_index.py

A test says so by `@pytest.mark.fault("one sentence")`, or a case of it by `pytest.param(..., marks=...)`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
INDEX = TESTS / "faults.md"
HEAD = """# Faults that are gone

Each was seen on a real or a hostile file, in a real scene, or in a public tracker of a program of this kind. The test
beside it fails if it comes back. Made by `python3 tests/fault_index.py`; {count} faults.
"""


class Fault(NamedTuple):
    """A fault and where its test is: `file` relative to the tests' folder, and the test's name, if it has the mark."""

    file: str
    line: int
    sentence: str
    test: str


def main() -> int:
    INDEX.write_text(index(), encoding="utf-8")
    return 0


def index() -> str:
    """Return the whole page."""
    found = sorted(faults())
    lines = [HEAD.format(count=len(found))]
    for file in sorted({fault.file for fault in found}):
        lines += [f"## {file}", ""]
        lines += [f"- {fault.sentence}{f' (`{fault.test}`)' if fault.test else ''}" for fault in found if fault.file == file]
        lines.append("")
    return "\n".join(lines)


def faults() -> Iterator[Fault]:
    """Yield the fault of every mark."""
    for path in sorted(TESTS.rglob("test_*.py")):
        tree, file = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(TESTS).as_posix()
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        test_of = {mark: function.name for function in functions for entry in function.decorator_list for mark in ast.walk(entry)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.fault"):
                yield Fault(file, node.lineno, ast.literal_eval(node.args[0]), test_of.get(node, ""))


if __name__ == "__main__":
    sys.exit(main())
