"""The tests that need Blender's Python module: each begins with an empty file."""

import pytest

bpy = pytest.importorskip("bpy")


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_factory_settings(use_empty=True)
