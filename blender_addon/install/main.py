"""The installer's process: reads its request from standard input, writes messages to standard output, logs to stderr.

Blender's own Python runs this file by its path: `python -I -B .../install/main.py`. The end of the input cancels the
installation, so the process never outlives its Blender.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from threading import Event, Lock, Thread
from types import ModuleType

NAME = "actionmesh_addon"
"""The add-on's package name in this process; in Blender, Blender chooses the name."""


def load_addon() -> None:
    """Make the add-on's modules importable, which are not on the path of Blender's Python."""
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


def main() -> int:
    """Carry out the request in the first line of the input; return 0 on success."""
    load_addon()
    messages, child = _module("messages"), _module("child")
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    request, cancelled, writing = messages.decode_request(commands.readline()), Event(), Lock()
    Thread(target=_wait_for_end, args=(commands, cancelled), daemon=True).start()
    log = open(2, "w", encoding="utf-8", errors="replace", closefd=False)

    def tell(message: object) -> None:
        with writing:
            answers.write(messages.encode(message))

    children = child.Children(cancelled, log)
    last = _guarded(request, children, tell)
    children.write(str(last))
    tell(last)
    return 0 if not isinstance(last, messages.Failed) else 1


def _guarded(request: object, children: object, tell: object) -> object:
    """Run the steps and return the last message, even after an error."""
    import traceback

    messages, child, errors = _module("messages"), _module("child"), importlib.import_module(f"{NAME}.errors")
    try:
        return _module("steps").run(request, children, tell)
    except child.Cancelled:
        return messages.Failed("The installation was cancelled.", "Downloaded files are kept for the next time.", True)
    except errors.ArtistError as error:
        return messages.Failed(error.problem, error.cure, fix=error.fix or "")
    except OSError as error:
        found = _module("diagnosis").explain(f"{error} (os error {error.errno})", "go on")
        return messages.Failed(found.problem, found.cure)
    except Exception as error:
        traceback.print_exc()
        return messages.Failed(f"The installer failed: {error}.", "Copy Report has the details.")


def _wait_for_end(commands: object, cancelled: Event) -> None:
    commands.read()  # type: ignore[attr-defined]
    cancelled.set()


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{NAME}.install.{name}")


if __name__ == "__main__":
    sys.exit(main())
