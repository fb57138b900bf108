"""Prepare a second Blender, without a window, that renders a source while the artist keeps working in this one.

It gets a file with the source's objects and everything that they depend on, as they are in memory now, and none of the
artist's add-ons. `reason_to_stay` says when its pictures would differ. It does not notice add-ons that move things by
other means than frame handlers and driver functions.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FunctionType

import bpy

from ..errors import FolderError
from .source_objects import Name, find
from .source_render import Plan

SCRIPT = Path(__file__).resolve().parents[1] / "render_script.py"


@dataclass(frozen=True)
class Order:
    """The request to the other Blender.

    Args:
        file: the copy; it is removed as soon as it is loaded.
        objects: the objects to show: name and absolute path of the library, "" for the file's own.
        folder: where the pictures go.
        trusted: whether Python in drivers may run.
        plan: how they are rendered.
    """

    file: str
    objects: tuple[tuple[str, ...], ...]
    folder: str
    trusted: bool
    plan: Plan

    def line(self) -> bytes:
        """Return one line of JSON, which `protocol.read` reads."""
        return json.dumps(asdict(self)).encode("ascii") + b"\n"


def command() -> list[str] | None:
    """Return the command that starts a Blender like this one, on all processor cores but one.

    Returns None if there is no window that could freeze, or if Blender runs as a Python module, which cannot be started
    as a program.
    """
    program = bpy.app.binary_path
    if bpy.app.background or not Path(program).is_file():
        return None
    quiet = ["--background", "--factory-startup", "-noaudio", "--python-exit-code", "1"]
    return [program, *quiet, "--threads", str(max(1, _cores() - 1)), "--python", str(SCRIPT)]


def write_copy(plan: Plan, names: Sequence[Name], file: Path, folder: Path) -> Order:
    """Write the objects and what they depend on; the artist's file and the list of recent files do not change.

    Args:
        file: is created; its paths are absolute.
        folder: where the pictures are to go.

    Raises:
        ArtistError: an object no longer exists.
        FolderError: the file cannot be written.
    """
    objects = find(names)
    roots = {item.users_scene[0] if item.library else item for item in objects}  # a linked object alone is not written
    bpy.ops.ed.flush_edits()
    try:
        bpy.data.libraries.write(str(file), roots, path_remap="ABSOLUTE")
    except (OSError, RuntimeError) as error:
        problem = f"The copy {file} of the object to render cannot be written."
        raise FolderError(problem, "Free some space, or choose another job folder in the preferences.") from error
    return Order(str(file), tuple(map(place_of, objects)), str(folder), is_trusted(), plan)


def place_of(item: bpy.types.Object) -> tuple[str, str]:
    """Return the object's name and its library's absolute path, which are the same in this file and in its copy."""
    return item.name, os.path.normpath(bpy.path.abspath(item.library.filepath)) if item.library else ""


def is_trusted() -> bool:
    """Return whether Python in drivers runs in this Blender, as far as that can be known."""
    return bpy.context.preferences.filepaths.use_scripts_auto_execute and not bpy.app.autoexec_fail


def reason_to_stay() -> str:
    """Return why another Blender's pictures would differ, such as "the image 'Paint' is not saved"; otherwise ""."""
    return next(_reasons(), "")


def _reasons() -> Iterator[str]:
    if bpy.app.handlers.frame_change_pre or bpy.app.handlers.frame_change_post:
        yield "an add-on acts at every frame"
    if _python_drivers_differ() and any(map(_runs_python, _drivers())):
        yield "drivers run Python of this session"
    for image in bpy.data.images:
        if image.is_dirty and image.type not in {"RENDER_RESULT", "COMPOSITING"}:
            yield f"the image {image.name!r} is not saved"
    for item in bpy.data.objects:
        for modifier in item.modifiers:
            if _is_kept_elsewhere(modifier):
                yield f"the cache of {modifier.name!r} of {item.name!r} is not in the file"


def _python_drivers_differ() -> bool:
    """Return whether Python drivers may give other values in the other Blender.

    Scripts that were refused here are refused there too; those that are allowed may call functions of add-ons.
    """
    if bpy.app.autoexec_fail:
        return False
    return not is_trusted() or any(isinstance(value, FunctionType) for value in bpy.app.driver_namespace.values())


def _drivers() -> Iterator[bpy.types.Driver]:
    for blocks in (
        getattr(bpy.data, item.identifier) for item in bpy.data.bl_rna.properties if item.type == "COLLECTION"
    ):
        for block in blocks:
            for part in (block, getattr(block, "node_tree", None)):
                motion = getattr(part, "animation_data", None)
                yield from (curve.driver for curve in motion.drivers) if motion else ()


def _runs_python(driver: bpy.types.Driver) -> bool:
    return driver.type == "SCRIPTED" and not driver.is_simple_expression


def _is_kept_elsewhere(modifier: bpy.types.Modifier) -> bool:
    """Return whether a simulation is cached on disk next to the file, or in memory as computed by geometry nodes."""
    if modifier.type == "NODES":
        return len(modifier.bakes) > 0
    return any(cache.use_disk_cache or cache.use_external for cache in _point_caches(modifier))


def _point_caches(modifier: bpy.types.Modifier) -> Iterator[bpy.types.PointCache]:
    if modifier.type == "PARTICLE_SYSTEM":
        yield modifier.particle_system.point_cache
    elif modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        yield from (surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces)
    elif hasattr(modifier, "point_cache"):
        yield modifier.point_cache


def _cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
