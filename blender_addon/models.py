"""The networks' weights in this Blender: where they are, what is missing, and the one download or removal that runs.

A timer listens to it, and no modal operator: while one of those runs, Blender neither saves automatically nor takes results.
It leaves out what the worker does: see the backend's `model_downloads`.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import bpy

from . import runner, shown
from .backend_files import checkpoints_folder, protocol, public
from .client import start_downloader
from .errors import ArtistError
from .jobs.model_task import ModelTask
from .preferences import choices
from .problems import Problem, fix_of
from .viewport import redraw_panels
from .wording import amount

SECONDS = 0.2
"""Between two ticks."""
FRESH = 2.0
"""Seconds for which the disk is believed to be as it was."""
FULL, MAIN = "full", "actionmesh"
"""The folder of a checkpoint that is made here, and the set without which only the bundled networks run."""
DEMO = "demo"

_task: ModelTask | None = None
_seen: dict[tuple[Path, str], tuple[float, bool]] = {}
_told = ""


def folder() -> Path:
    """The folder of the checkpoint that models are downloaded into; the artist's own where that is a checkpoint itself."""
    chosen = checkpoints_folder(choices().checkpoints)
    return chosen if any((chosen / each.name).is_dir() for each in public.SETS[MAIN].downloads) else chosen / FULL


def is_complete(key: str) -> bool:
    """Whether all files of a set are there, wherever the backend would find them."""
    place = checkpoints_folder(choices().checkpoints)
    checked, answer = _seen.get((place, key), (-FRESH, False))
    if time.monotonic() - checked >= FRESH:
        answer = public.SETS[key].bundled or _told_by_backend(key) or _is_on_disk(place, key)
        _seen[place, key] = time.monotonic(), answer
    return answer


def _told_by_backend(key: str) -> bool:
    known = shown.state.machine.checkpoints if shown.state.machine else ()
    return key == MAIN and any(each.kind == "public" and not each.missing for each in known)


def _is_on_disk(place: Path, key: str) -> bool:
    files = [f"{each.name}/{file.path}" for each in public.SETS[key].downloads for file in each.files if file.needed]
    return bool(files) and any(all((parent / path).is_file() for path in files) for parent in _parents(place))


def _parents(place: Path) -> Iterator[Path]:
    yield place
    try:
        yield from (child for child in sorted(place.iterdir()) if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return


def size_on_disk(key: str) -> int:
    """Bytes of what is in the folder that models are downloaded into, interrupted downloads included."""
    places = [folder() / each.name for each in public.SETS[key].downloads]
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


def hint(settings: bpy.types.PropertyGroup) -> str:
    """What the chosen preset lacks, in one sentence; empty where it lacks nothing."""
    if settings.preset == DEMO or is_complete(MAIN):
        return ""
    name = settings.bl_rna.properties["preset"].enum_items[settings.preset].name
    size = amount(public.SETS[MAIN].estimated_bytes)
    return f"{name} shows its worth with the ActionMesh models (about {size}); Demo runs with what is bundled."


def running() -> ModelTask | None:
    """The download or removal that runs."""
    return _task


def outcome() -> str:
    """How the latest one ended well; empty before."""
    return _told


def check_online() -> None:
    """Refuse to download where Blender may not use the network; raises ArtistError."""
    if not is_online():
        cure = "Switch on Preferences > System > Network > Allow Online Access."
        raise ArtistError(
            "Blender may not use the network, and models are downloaded from it.", cure, "screen.userpref_show"
        )


def is_online() -> bool:
    return bool(bpy.app.online_access)


def download(key: str, accepted: tuple[str, ...], half: bool) -> None:
    """Begin to download a set; raises ArtistError if a licence was not accepted or no backend can be started."""
    check_online()
    for each in public.SETS[key].downloads:
        if each.name not in accepted:
            raise ArtistError(f"The licence of {each.name} was not accepted.", "Read it, and tick it to download.")
    _begin(protocol.Download((key,), str(folder()), accepted, half))


def remove(key: str) -> None:
    """Begin to delete what was downloaded of a set; raises ArtistError if no backend can be started."""
    _begin(protocol.RemoveModels((key,), str(folder())))


def _begin(request: protocol.Params) -> None:
    global _task, _told
    if _task is not None:
        raise ArtistError("A download is running.", "Wait for it, or cancel it.")
    _told = ""
    _task = ModelTask(start_downloader(choices().python, choices().hub_token), request)
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, persistent=True)


def wait() -> None:
    """Block until it is over, for scripts; raises ArtistError if it failed."""
    task = _task
    while _task is not None:
        tick()
        time.sleep(SECONDS / 10)
    if task is not None and task.error is not None:
        raise ArtistError(task.error.problem, task.error.cure)


def cancel() -> None:
    """End what runs; what came is kept."""
    if _task is not None:
        _task.cancel()
        tick()


def tick() -> float | None:
    """Listen; returns the seconds until the next time, None when nothing runs."""
    if _task is None:
        return None
    _task.poll()
    redraw_panels()
    if not _task.over:
        return SECONDS
    _finish(_task)
    return None


def _finish(task: ModelTask) -> None:
    global _task, _told
    _task = None
    _seen.clear()
    runner.refresh_backend()
    if task.error is not None:
        shown.show(Problem(task.error.problem, task.error.cure, fix_of(task.error)))
    elif isinstance(task.answer, protocol.Downloaded):
        at = ", ".join(f"{name} at {revision[:7]}" for name, revision in task.answer.revisions.items())
        _told = f"Downloaded {amount(task.answer.size)}{': ' + at if at else ''}"
        _choose(task)
    elif isinstance(task.answer, protocol.Removed):
        _told = f"Freed {amount(task.answer.size)}"


def _choose(task: ModelTask) -> None:
    """Let scenes that leave the choice open use what was downloaded for them."""
    assert isinstance(task.request, protocol.Download) and isinstance(task.answer, protocol.Downloaded)
    if MAIN in task.request.sets:
        for scene in bpy.data.scenes:
            scene.actionmesh.checkpoint = scene.actionmesh.checkpoint or Path(task.answer.folder).name


def detach() -> None:
    """Forget everything."""
    end()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def end() -> None:
    """End what runs; touches nothing of Blender."""
    global _task, _told
    if _task is not None:
        _task.end()
    _task, _told = None, ""
    _seen.clear()
