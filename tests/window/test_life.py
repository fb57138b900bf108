"""The extension's whole life in a real Blender with its window: from a zip and from a repository, to its removal.

BLENDER is the command of a Blender; ACTIONMESH_PYTHON the Python of the backend.
"""

import os
import shlex

import pytest

import build
from backend.bootstrap.repository import find_tool
from tests.package_life import SCRIPT, live, repositories

BLENDER = os.environ.get("BLENDER", "")
TROUBLE = ("error", "traceback", "exception", "warning", "not freed")

pytestmark = [
    pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender"),
    pytest.mark.skipif(
        not os.environ.get("ACTIONMESH_PYTHON"), reason="ACTIONMESH_PYTHON names no Python of the backend"
    ),
]


def test_whole_life_leaves_nothing_behind_and_tells_no_error(tmp_path):
    command = [*shlex.split(BLENDER), "--factory-startup", "--python-exit-code", "1", "--python", str(SCRIPT), "--"]
    with repositories(tmp_path, find_tool(build.ROOT, BLENDER)) as address:
        code, told, left = live(tmp_path, command, address)
    assert code == 0, "\n".join(told)
    assert not [line for line in told if any(word in line.lower() for word in TROUBLE)], "\n".join(told)
    assert not [path for path in left if any(word in path.name for word in ("actionmesh", "safetensors", "torch"))]
