"""Write the pages that are generated from the code: `docs/command_line.md` and `docs/troubleshooting.md`.

    .venv/bin/python docs/generate.py

The first holds the command line's own help, the second the error sentences that an artist may see, with their
cures.
"""

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from backend.bootstrap.packaging import LEFT_OUT  # noqa: E402

COMMAND_LINE, TROUBLESHOOTING = ROOT / "docs" / "command_line.md", ROOT / "docs" / "troubleshooting.md"
WIDTH = "100"
COMMANDS = """# Command line

Made from the program's own help. `actionmesh` is `.venv/bin/actionmesh`; `python -P -m actionmesh` is the same program.
"""
MESSAGES = """# Troubleshooting

The messages that ActionMesh shows, with what to do about each; *italics* stand for a name or a number. This page is
made from the code; where a cure is put together as the program runs, the second column is empty. If a message speaks
of "a fault of its own", report it with the log.
"""
HEADINGS = {
    "MediaError": "Clips, pictures and masks",
    "MeshError": "Meshes",
    "InputError": "Settings and arguments",
    "CheckpointError": "Weights",
    "DownloadError": "Downloads",
    "OutputError": "Writing results",
    "RemoteError": "Another computer",
    "TargetError": "In Blender: the object to animate",
    "MotionError": "In Blender: results",
    "RenderError": "In Blender: rendering a source",
    "InstallError": "In Blender: installing the backend",
    "BackendMissing": "In Blender: starting the backend",
    "FolderError": "In Blender: folders",
    "ArtistError": "In Blender: everything else",
}
"""Classes of errors, in the order of the page."""
LIMITS = ROOT / "backend" / "actionmesh" / "protocol" / "limits.py"
"""Its sentences are taken from the fields that it limits, see `faults`."""


class Message(NamedTuple):
    """What is wrong, and what to do."""

    problem: str
    cure: str


def main() -> int:
    COMMAND_LINE.write_text(command_line(), encoding="utf-8")
    TROUBLESHOOTING.write_text(troubleshooting(), encoding="utf-8")
    return 0


def command_line() -> str:
    """Return the page of all commands: their help at a width of 100 columns."""
    from actionmesh.cli import build_parser

    parser = build_parser()
    parts = [COMMANDS, block(parser)]
    for name, command in subcommands(parser):
        parts += [f"## {name}\n", block(command)]
        for inner, deeper in subcommands(command):
            parts += [f"### {name} {inner}\n", block(deeper)]
    return "\n".join(parts)


def subcommands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """Return the commands within a command, by name."""
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return list(found[0].choices.items()) if found else []


def block(parser: argparse.ArgumentParser) -> str:
    """Return a command's help as a block of code."""
    os.environ["COLUMNS"] = WIDTH
    return f"```text\n{parser.format_help().rstrip()}\n```\n"


def troubleshooting() -> str:
    """Return the page of all messages, by class of error."""
    found = messages()
    parts = [MESSAGES]
    for kind, heading in HEADINGS.items():
        rows = sorted(set(found.get(kind, [])))
        if rows:
            parts += [f"## {heading}\n", "| message | what to do |", "|---|---|"]
            parts += [f"| {cell(row.problem)} | {cell(row.cure)} |" for row in rows]
            parts.append("")
    return "\n".join(parts)


def cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ").strip()


def messages() -> dict[str, list[Message]]:
    """Return the messages of every error class, from each place in the code that raises one."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources()]
    shared = Names(statement for tree in trees for statement in tree.body)
    found: dict[str, list[Message]] = {"InputError": list(faults())}
    for tree in trees:
        local = Names(ast.walk(tree))
        for call in ast.walk(tree):
            kind = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            kind = "InputError" if kind == "Fault" else kind
            if kind in HEADINGS and isinstance(call, ast.Call) and call.args:
                words = [in_words(local.meant(argument) or shared.meant(argument)) for argument in call.args[:2]]
                if re.sub(r"\*.*?\*", "", words[0]).strip(" ."):
                    found.setdefault(kind, []).append(Message(words[0], words[1] if len(words) > 1 else ""))
    return found


def faults() -> Iterator[Message]:
    """Yield what a job says about each field that makes no sense."""
    from actionmesh.protocol import FrameChoice, Generate, KnownShape, limits

    for record in (Generate, FrameChoice, KnownShape):
        for limit in limits(record).values():
            fault = limit.fault(Nonsense())
            assert fault is not None
            yield Message(*fault)


class Nonsense:
    """A value that no field of a job can hold."""

    def __str__(self) -> str:
        return "*value*"

    def __len__(self) -> int:
        return sys.maxsize


class Names:
    """What names stand for: the right sides of simple assignments, by the line where they begin."""

    def __init__(self, statements: Iterable[ast.AST]):
        self._values: dict[str, list[ast.expr]] = {}
        for statement in statements:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self._values.setdefault(statement.targets[0].id, []).append(statement.value)

    def meant(self, node: ast.expr) -> ast.expr | None:
        """Return the expression that was last assigned to a name before this place; other nodes as they are."""
        if not isinstance(node, ast.Name):
            return node
        values = self._values.get(node.id, [])
        before = [value for value in values if value.lineno <= node.lineno]
        return max(before, key=lambda value: value.lineno) if before else values[0] if len(values) == 1 else None


def sources() -> Iterator[Path]:
    """Yield the source files that may word a message."""
    for folder in ("backend/actionmesh", "blender_addon"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != LIMITS and not path.relative_to(ROOT).as_posix().startswith(LEFT_OUT):
                yield path


def in_words(node: ast.expr | None) -> str:
    """Return a string literal with *name* for each inserted value; empty if the node is not a string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        pieces = [piece.value if isinstance(piece, ast.Constant) else placeholder(piece) for piece in node.values]
        return "".join(map(str, pieces)).replace("**", "* *")
    if isinstance(node, ast.BinOp):
        return in_words(node.left) + in_words(node.right)
    if isinstance(node, ast.IfExp):
        return in_words(node.body) or in_words(node.orelse)
    return ""


def placeholder(piece: ast.expr) -> str:
    """Return the last plain word of an expression, in italics: `{options.seed}` becomes *seed*."""
    inner = piece.value if isinstance(piece, ast.FormattedValue) else piece
    while isinstance(inner, ast.Call) and inner.args:
        inner = inner.args[0]
    named = [node for node in ast.walk(inner) if isinstance(node, ast.Name | ast.Attribute)]
    word = (named[0].attr if isinstance(named[0], ast.Attribute) else named[0].id) if named else "value"
    return f"*{word.strip('_').replace('_', ' ')}*"


if __name__ == "__main__":
    sys.exit(main())
