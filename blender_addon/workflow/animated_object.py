"""The animation of an object as the panels and properties see it, from the record on its Key data-block."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..errors import ArtistError
from ..jobs.record import FRAMES_FOLDER, JobRecord
from ..motion.carrying import Way
from ..motion.weights import Loop
from ..scene.animation_record import Record
from ..scene.nla_tracks import Laid, laid_results
from ..scene.options import Mode, Playback
from ..scene.playback import active_record, rebuild_curves, written
from ..scene.ranges import extend_range, preview_result
from ..session import job_list, panel_state
from ..session.notices import Problem

LONGEST = 100
"""Maximum characters of a fact."""
OWN = "own"
"""The `shape` of a fit whose mesh is the artist's own."""


def animation_of(target: bpy.types.Object | None) -> Record | None:
    """Return the record of the object's active result, or None if it has none."""
    return active_record(key_of(target))


def tracks_of(target: bpy.types.Object | None) -> list[Laid]:
    """Return the object's results on NLA tracks."""
    return laid_results(key_of(target))


def key_of(target: bpy.types.Object | None) -> bpy.types.Key | None:
    return getattr(getattr(target, "data", None), "shape_keys", None)


def playback_of(target: bpy.types.Object) -> Playback:
    made = animation_of(target)
    return Playback() if made is None else made.playback


def change(target: bpy.types.Object, **playback: Any) -> None:
    """Change how the animation plays: `strength`, `speed` or `loop`. The panel shows an error if that fails."""
    try:
        played = rebuild_curves(target, **playback)
    except ArtistError as error:
        panel_state.show(Problem.of(error))
        return
    for scene in target.users_scene:
        if scene.use_preview_range:
            preview_result(scene, played.start, played.end)
        extend_range(scene, played.start, played.end)


def can_blend(target: bpy.types.Object) -> bool:
    """Return whether the object's animation has weights that a strength can scale."""
    made = animation_of(target)
    return made is not None and made.mode != Mode.ABSOLUTE


def facts(target: bpy.types.Object) -> Iterator[tuple[str, str]]:
    """Yield the facts on how the object's animation was made, as pairs of name and value in words."""
    made = animation_of(target)
    assert made is not None
    told = made.provenance
    job = next((record for record in job_list.records(True) if record.id == made.job), None)
    yield _origin(job, Path(str(told.get("clip", ""))).name)
    if told.get("prompt"):
        yield "Text", _short(told["prompt"])
    yield "Seed", _short(told.get("seed", "unknown"))
    yield "Preset", _short(told.get("preset", "unknown")).capitalize()
    yield "Checkpoint", _short(told.get("checkpoint", "unknown"))
    if made.fit is not None and made.fit.shape != OWN:
        yield "Shape", made.fit.shape.capitalize()
    yield "Poses", str(len(made.times))
    if carried := _brought_back(told.get("carried")):
        yield "Brought Back", carried
    if job is not None and job.result.get("retried_for_memory"):
        yield "Memory", f"Ran out, retried with the {job.result.get('plan')} GB plan"


WAYS: dict[str, str] = {
    Way.COPIES: "copies share their mean",
    Way.FINER: "added vertices follow",
    Way.NEAREST: "by the nearest points of the surface",
}
"""How a motion was carried back through modifiers, in words, for the ways that are worth mentioning."""


def _brought_back(told: Any) -> str:
    """Return through which modifiers a motion was carried back onto the mesh, and how; empty if there were none."""
    if not isinstance(told, dict) or not told.get("through"):
        return ""
    words = [f"Through {', '.join(told['through'])}", WAYS.get(str(told.get("way")), "")]
    missed = told.get("missed")
    return ", ".join(filter(None, [*words, f"misses {100 * missed:.0f}%" if missed and missed > 0.01 else ""]))


def _origin(job: JobRecord | None, clip: str) -> tuple[str, str]:
    """Return the clip as name and value; for rendered pictures, the object that they show."""
    if clip != FRAMES_FOLDER:
        return "Clip", _short(clip or "unknown")
    return "Object", _short(job.writing.get("name", "unknown")) if job else "unknown"


def _short(value: Any) -> str:
    """Return a value from a result as text, cut to the length of a line."""
    return f"{value!s:.{LONGEST}}"


def whole_range(target: bpy.types.Object) -> tuple[int, int]:
    """Return the first and last whole frame of the object's animation, including the way back of a ping-pong loop."""
    made = animation_of(target)
    assert made is not None
    played = written(target.data.shape_keys, made)
    back = played.end - played.start if made.playback.loop == Loop.PING_PONG else 0
    return played.start, played.end + back


def reference_frame(target: bpy.types.Object) -> int:
    """Return the whole scene frame nearest to the reference pose of the object's animation."""
    made = animation_of(target)
    assert made is not None
    return round(float(made.frames[made.reference_frame]))
