"""The animation of an object as the panels and properties see it; what it says of itself is kept on its Key data-block."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from . import files, shown
from .errors import ArtistError
from .jobs.record import FRAMES_FOLDER, JobRecord
from .motion.carrying import Way
from .motion.weights import Loop
from .problems import Problem
from .scene.options import Mode, Playback
from .scene.playback import rebuild_curves, written
from .scene.ranges import extend_range, preview_result
from .scene.record import Record, read_record

LONGEST = 100
"""Letters of a fact."""
OWN = "own"
"""Where the shape of an animated mesh came from if it is the artist's."""


def animation_of(target: bpy.types.Object | None) -> Record | None:
    """The record of the object's animation; None without one."""
    key = getattr(getattr(target, "data", None), "shape_keys", None)
    return None if key is None else read_record(key)


def playback_of(target: bpy.types.Object) -> Playback:
    made = animation_of(target)
    return Playback() if made is None else made.playback


def change(target: bpy.types.Object, **playback: Any) -> None:
    """Plays the animation otherwise: `strength`, `speed` or `loop`. What cannot be done is shown in the panel."""
    try:
        played = rebuild_curves(target, **playback)
    except ArtistError as error:
        shown.show(Problem.of(error))
        return
    for scene in target.users_scene:
        if scene.use_preview_range:
            preview_result(scene, played.start, played.end)
        extend_range(scene, played.start, played.end)


def can_blend(target: bpy.types.Object) -> bool:
    """Whether the object's animation has weights that a strength can scale."""
    made = animation_of(target)
    return made is not None and made.mode != Mode.ABSOLUTE


def facts(target: bpy.types.Object) -> Iterator[tuple[str, str]]:
    """What made the object's animation: names and values, in words."""
    made = animation_of(target)
    assert made is not None
    told = made.provenance
    job = next((record for record in files.records(True) if record.id == made.job), None)
    yield _origin(job, Path(str(told.get("clip", ""))).name)
    yield "Seed", _short(told.get("seed", "unknown"))
    yield "Preset", _short(told.get("preset", "unknown")).capitalize()
    yield "Checkpoint", _short(told.get("checkpoint", "unknown"))
    if made.fit is not None and made.fit.shape != OWN:
        yield "Shape", made.fit.shape.capitalize()
    yield "Poses", str(len(made.times))
    if carried := _brought_back(told.get("carried")):
        yield "Brought Back", carried
    if job is not None and job.result.get("retried_for_memory"):
        yield "Memory", f"Ran out, done as for {job.result.get('plan')} GB"


WAYS: dict[str, str] = {
    Way.COPIES: "copies share their mean",
    Way.FINER: "added vertices follow",
    Way.NEAREST: "by the nearest points of the surface",
}
"""What became of a motion on its way back through modifiers, where that is worth a word."""


def _brought_back(told: Any) -> str:
    """Through which modifiers a motion came back onto the mesh, and how; empty where there were none."""
    if not isinstance(told, dict) or not told.get("through"):
        return ""
    words = [f"Through {', '.join(told['through'])}", WAYS.get(str(told.get("way")), "")]
    missed = told.get("missed")
    return ", ".join(filter(None, [*words, f"misses {100 * missed:.0f}%" if missed and missed > 0.01 else ""]))


def _origin(job: JobRecord | None, clip: str) -> tuple[str, str]:
    """The clip by name; pictures that were rendered go by the name of the object that they show."""
    if clip != FRAMES_FOLDER:
        return "Clip", _short(clip or "unknown")
    return "Object", _short(job.writing.get("name", "unknown")) if job else "unknown"


def _short(value: Any) -> str:
    """What a result says of itself is written as it came, and shown as far as a line goes."""
    return f"{value!s:.{LONGEST}}"


def whole_range(target: bpy.types.Object) -> tuple[int, int]:
    """Return the whole frames between which the object's animation plays, the way back to its first pose included."""
    made = animation_of(target)
    assert made is not None
    played = written(target.data.shape_keys, made)
    back = played.end - played.start if made.playback.loop == Loop.PING_PONG else 0
    return played.start, played.end + back


def reference_frame(target: bpy.types.Object) -> int:
    """The whole scene frame nearest to the reference pose of the object's animation."""
    made = animation_of(target)
    assert made is not None
    return round(float(made.frames[made.reference_frame]))
