"""Run inside a second Blender: render what the first one orders, and report progress.

    blender --background --factory-startup --python render_script.py

The order, a `scene.second_blender.Order`, is one line on standard input; when the input ends, so does this Blender. The
answers are messages of the worker's protocol on standard output. What Blender prints goes to standard error, which is
the log.
"""

import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any, BinaryIO

import bpy

PACKAGE = "actionmesh_addon"
KINDNESS = 5
"""The `nice` value that makes the system favour the artist's Blender over this one."""


def load(name: str, file: Path) -> ModuleType:
    """Import a module or package by its path."""
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def addon(module: str) -> Any:
    """Import a module of the add-on, which is not registered here."""
    if PACKAGE not in sys.modules:
        load(PACKAGE, Path(__file__).resolve().with_name("__init__.py"))
    return importlib.import_module(f"{PACKAGE}.{module}")


def pictures(order: Any) -> Iterator[Any]:
    """Open the copy, remove its file and render; yield the progress."""
    bpy.ops.wm.open_mainfile(filepath=order.file, load_ui=False, use_scripts=order.trusted)
    with suppress(OSError):  # it is in memory now, and the Blender that wrote it also removes it
        os.unlink(order.file)
    there = {addon("scene.second_blender").place_of(item): item for item in bpy.data.objects}
    names = [addon("scene.source_objects").name_of(there[place]) for place in order.objects]
    rendering = addon("scene.source_render")
    yield from rendering.counted(order.plan.title, rendering.render(order.plan, names, Path(order.folder)))


def answer(line: bytes, tell: Callable[[Any], None]) -> None:
    """Carry out an order and send progress, then an answer or a failure."""
    protocol = addon("process.backend_locator").protocol
    try:
        order = protocol.read(addon("scene.second_blender").Order, json.loads(line), "order")
        for progress in pictures(order):
            tell(protocol.Notice(progress))
        tell(protocol.Answer(0, protocol.Done()))
    except Exception as error:
        traceback.print_exc()
        tell(protocol.Failure(None, failure_of(error)))


def failure_of(error: Exception) -> Any:
    """Return an error in the form of the protocol; an unexpected exception becomes an error of rendering."""
    errors, protocol = addon("errors"), addon("process.backend_locator").protocol
    if isinstance(error, errors.ArtistError):
        kinds = {errors.FolderError: protocol.Kind.CANNOT_WRITE, errors.RenderError: protocol.Kind.INTERNAL}
        return protocol.ProtocolError(kinds.get(type(error), protocol.Kind.BAD_INPUT), error.problem, error.cure)
    problem = f"The second Blender could not render the object ({type(error).__name__}: {str(error).strip()})."
    return protocol.ProtocolError(protocol.Kind.INTERNAL, problem, "Please report it with the details.")


def end_with(parent: BinaryIO, line: bytes) -> None:
    """Wait for the end of the Blender that sent the order, then end this one and remove its copy of the file."""
    parent.read()
    try:
        os.unlink(json.loads(line)["file"])
    finally:
        os._exit(1)


def main() -> None:
    worker = load("actionmesh_worker", addon("process.backend_locator").worker_file())
    commands, answers = worker.take_pipes()
    worker.keep_log()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(KINDNESS)
    line = commands.readline()
    Thread(target=end_with, args=(commands, line), daemon=True).start()

    def tell(message: Any) -> None:
        answers.write(addon("process.backend_locator").protocol.encode(message))
        answers.flush()

    answer(line, tell)


if __name__ == "__main__":
    main()
