"""The files that the open .blend reads, which an export must not replace."""

import os
from collections.abc import Iterator
from pathlib import Path

import bpy

KINDS = ("images", "libraries", "movieclips", "cache_files", "sounds", "fonts", "volumes")


def used_files() -> frozenset[str]:
    """Return the paths of the .blend and of everything that it reads, each as `same_path` writes it."""
    return frozenset(same_path(path) for path in _used() if path)


def same_path(path: str | Path) -> str:
    """Return one text for all paths to the same file, ignoring case where the system does."""
    return os.path.normcase(os.path.realpath(path))


def _used() -> Iterator[str]:
    yield bpy.data.filepath
    for kind in KINDS:
        for block in getattr(bpy.data, kind):
            if block.filepath and getattr(block, "packed_file", None) is None:
                yield bpy.path.abspath(block.filepath, library=block.library)
    for item in bpy.data.objects:
        for modifier in item.modifiers:
            if modifier.type == "MESH_CACHE":
                yield bpy.path.abspath(modifier.filepath, library=item.library)
