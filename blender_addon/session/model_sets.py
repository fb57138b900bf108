"""The networks' weights in this Blender: where they are, what is missing, and the one running download or removal.

A timer follows it, not a modal operator: while a modal operator runs, Blender does not save automatically and results
have to wait. For the worker's side, see the backend's `model_downloads`.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import bpy

from ..errors import ArtistError
from ..jobs.model_task import ModelTask
from ..process.backend_locator import checkpoints_folder, protocol, public
from ..process.client import start_downloader
from ..wording import amount
from . import panel_state, ticking
from .choices import choices
from .notices import Problem, fix_of
from .runner import runner
from .windows import redraw_panels

SECONDS = 0.2
"""Seconds between two ticks."""
FRESH = 2.0
"""Seconds before the disk is checked again."""
FULL, MAIN = "full", "actionmesh"
"""The name of a new checkpoint's folder, and the set without which only the bundled networks run."""

_task: ModelTask | None = None
_seen: dict[tuple[Path, str], tuple[float, bool]] = {}
_told = ""


def folder() -> Path:
    """Return the checkpoint folder to download models into; the artist's own if that is a checkpoint itself."""
    chosen = checkpoints_folder(choices().checkpoints)
    return chosen if any((chosen / each.name).is_dir() for each in public.SETS[MAIN].downloads) else chosen / FULL


def is_complete(key: str) -> bool:
    """Return whether all files of a set exist in a place where the backend would find them."""
    place = checkpoints_folder(choices().checkpoints)
    checked, answer = _seen.get((place, key), (-FRESH, False))
    if time.monotonic() - checked >= FRESH:
        here = choices().computer is None
        answer = public.SETS[key].bundled or _told_by_backend(key) or (here and _is_on_disk(place, key))
        _seen[place, key] = time.monotonic(), answer
    return answer


def _told_by_backend(key: str) -> bool:
    known = panel_state.state.machine.checkpoints if panel_state.state.machine else ()
    return key == MAIN and any(each.kind == "public" and not each.missing for each in known)


def _is_on_disk(place: Path, key: str) -> bool:
    files = [(each.name, file) for each in public.SETS[key].downloads for file in each.files if file.needed]

    def is_there(parent: Path, name: str, file: public.PublicFile) -> bool:
        return any((parent / name / path).is_file() for path in file.places)

    return bool(files) and any(all(is_there(parent, *each) for each in files) for parent in _parents(place))


def _parents(place: Path) -> Iterator[Path]:
    yield place
    try:
        yield from (child for child in sorted(place.iterdir()) if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return


def size_on_disk(key: str) -> int:
    """Return the bytes that a set takes in the download folder, including interrupted downloads."""
    places = [folder() / each.name for each in public.SETS[key].downloads]
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


def hint(settings: bpy.types.PropertyGroup) -> str:
    """Return what the chosen preset lacks, in one sentence; empty if it lacks nothing."""
    if settings.preset == protocol.PresetName.DEMO or is_complete(MAIN):
        return ""
    name = settings.bl_rna.properties["preset"].enum_items[settings.preset].name
    size = amount(public.SETS[MAIN].estimated_bytes)
    return f"{name} works best with the ActionMesh models (about {size}). Demo needs only the bundled ones."


def video_hint(settings: bpy.types.PropertyGroup, from_picture: bool) -> tuple[str, str]:
    """Return a sentence on the video model that is missing, and the key of the set to download; empty if none is.

    Args:
        from_picture: whether the clip begins with a picture or a mesh.
    """
    chosen = (settings.video_model,) if settings.video_model in public.VIDEO_SETS else public.VIDEO_SETS
    suiting = [key for key in chosen if key in public.PICTURE_SETS or not from_picture]
    if not suiting:
        return "This video model cannot start from a picture or a mesh. Choose Auto.", ""
    if any(map(is_complete, suiting)):
        return "", ""
    found = public.SETS[suiting[0]]
    size, licence = amount(found.estimated_bytes), found.downloads[0].licence.name
    return f"A clip from a text needs a video model: {found.title}, about {size}, {licence}.", found.key


def running() -> ModelTask | None:
    """Return the running download or removal, or None."""
    return _task


def outcome() -> str:
    """Return the outcome of the latest successful download or removal; empty if there is none."""
    return _told


def check_online() -> None:
    """Raise ArtistError if Blender may not use the network."""
    if not is_online():
        cure = "Switch on Preferences > System > Network > Allow Online Access."
        raise ArtistError("Blender may not use the network, which the download needs.", cure, "screen.userpref_show")


def is_online() -> bool:
    return bool(bpy.app.online_access)


def download(key: str, accepted: tuple[str, ...], half: bool) -> None:
    """Start to download a set; raise ArtistError if a licence was not accepted or no backend can be started."""
    check_online()
    for each in public.SETS[key].downloads:
        if each.name not in accepted:
            raise ArtistError(f"The licence of {each.name} was not accepted.", "Read it, then tick I accept.")
    _begin(protocol.Download((key,), str(folder()), accepted, half))


def remove(key: str) -> None:
    """Start to delete the downloaded files of a set; raise ArtistError if no backend can be started."""
    _begin(protocol.RemoveModels((key,), str(folder())))


def _begin(request: protocol.Params) -> None:
    global _task, _told
    if _task is not None:
        raise ArtistError("A download is already running.", "Wait for it or cancel it.")
    if (computer := choices().computer) is not None:
        raise ArtistError(
            f"The models of {computer.host} are downloaded on that computer.",
            f"Run there, through ssh {computer.host}: actionmesh download --help.",
        )
    _told = ""
    _task = ModelTask(start_downloader(choices().python, choices().hub_token), request)
    ticking.start(tick)


def wait() -> None:
    """Block until the download or removal is over, for scripts; raise ArtistError if it failed."""
    task = _task
    while _task is not None:
        tick()
        time.sleep(SECONDS / 10)
    if task is not None and task.error is not None:
        raise ArtistError(task.error.problem, task.error.cure)


def cancel() -> None:
    """Cancel the running download or removal; keep the data received so far."""
    if _task is not None:
        _task.cancel()
        tick()


def tick() -> float | None:
    """Receive what happened; return the seconds until the next call, or None when nothing runs."""
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
        panel_state.show(Problem(task.error.problem, task.error.cure, fix_of(task.error)))
    elif isinstance(task.answer, protocol.Downloaded):
        at = ", ".join(f"{name} at {revision[:7]}" for name, revision in task.answer.revisions.items())
        _told = f"Downloaded {amount(task.answer.size)}{': ' + at if at else ''}"
        _choose(task)
    elif isinstance(task.answer, protocol.Removed):
        _told = f"Freed {amount(task.answer.size)}"


def _choose(task: ModelTask) -> None:
    """Set the downloaded checkpoint in every scene that has none chosen."""
    assert isinstance(task.request, protocol.Download) and isinstance(task.answer, protocol.Downloaded)
    if MAIN in task.request.sets:
        for scene in bpy.data.scenes:
            scene.actionmesh.checkpoint = scene.actionmesh.checkpoint or Path(task.answer.folder).name


def detach() -> None:
    """Forget everything."""
    end()
    ticking.stop(tick)


def end() -> None:
    """End the running download or removal without touching Blender's data."""
    global _task, _told
    if _task is not None:
        _task.end()
    _task, _told = None, ""
    _seen.clear()
