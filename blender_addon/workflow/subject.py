"""A subject of the chosen clip: looked at in one frame, pointed at, and tracked through all chosen frames."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import bpy

from ..errors import ArtistError
from ..jobs.record import JobError
from ..motion.pointing import Pick
from ..process.backend_locator import protocol
from ..session import clip_picks, panel_state, pointing_state, subject_strip, thumbnail
from ..session.pointing_state import Pointing
from ..session.runner import runner
from .chosen_clip import clip_of
from .submission import request_for

THUMBNAIL, TO_POINT_AT = 256, 1024
"""Pixels on the longest side."""
SHOWN = 6
"""Frames in the strip."""


def look(scene: bpy.types.Scene) -> int:
    """Request the thumbnail of the reference frame; return its ticket.

    Raises:
        ArtistError: no clip is chosen, it does not exist, or what was pointed at makes no sense.
    """
    source = _source(replace(request_for(scene, clip_of(scene.actionmesh)), masks_from=None))
    return runner.look(protocol.Look(**source, out=str(thumbnail.new_picture()), size=THUMBNAIL), scene.actionmesh)


def point(scene: bpy.types.Scene, position: int | None, number: int | None = None) -> None:
    """Begin to point at a subject in one of the chosen frames, or in the reference frame.

    Its picture is that of the strip, or else asked for.

    Args:
        number: of the subject, counted from 0; None is the active one.
    Raises:
        ArtistError: see `look`.
    """
    settings = scene.actionmesh
    reference = settings.anchor
    chosen = reference if position is None else position
    number = clip_picks.active(settings) if number is None else number
    others = tuple((n, clip_picks.picks_of(settings, n)) for n in clip_picks.pointed_at(settings) if n != number)
    picks = clip_picks.picks_of(settings, number)
    clip, picture = thumbnail.clip_key(settings), thumbnail.new_folder() / "frame.png"
    here = Pointing(scene.name, clip, chosen, chosen == reference, picks, picture, _look_to_point)
    here.subject, here.others = number, others
    pointing_state.begin(here)
    strip = subject_strip.current(panel_state.state.strips, settings, number)
    shown = subject_strip.shown_at(strip, chosen)
    if strip is not None and shown is not None:
        here.show(shown.frame, strip.size, shown.picture)
    else:
        _look_to_point(here)


def _look_to_point(here: Pointing) -> None:
    """Ask for the picture that `here` shows, with the mask of its picks."""
    known = tuple(pick for pick in here.picks if pick.frame is not None or here.is_reference)
    try:
        scene = scene_of(here)
        asked = clip_picks.asked_for(known)
        request = request_for(scene, clip_of(scene.actionmesh))
    except ArtistError as error:
        here.message = str(error)
        return
    source = _source(replace(request, picks=asked, anchor=here.position, masks_from=None))
    look = protocol.Look(**source, out=str(here.picture), size=TO_POINT_AT, to_point_at=True)

    def take(seen: protocol.Looked) -> None:
        if pointing_state.current is here:
            here.take(seen)

    def fail(error: JobError) -> None:
        here.fail(error)

    runner.ask(look, take, fail)


def scene_of(here: Pointing) -> bpy.types.Scene:
    """Return the scene whose clip is pointed at; raise ArtistError if that is another clip by now."""
    scene = bpy.data.scenes.get(here.scene)
    if scene is None or thumbnail.clip_key(scene.actionmesh) != here.clip:
        raise ArtistError("Another clip was chosen meanwhile.", "Leave this window, and press Pick Subject again.")
    return scene


def keep_picks(scene: bpy.types.Scene, picks: Iterable[Pick], number: int) -> None:
    """Let these be what was pointed at of a subject, which is then active; raise ArtistError if they make no sense."""
    kept = tuple(picks)
    clip_picks.asked_for(kept)
    clip_picks.keep(scene.actionmesh, kept, number)


def track(scene: bpy.types.Scene, number: int | None = None) -> int:
    """Ask the backend to track a subject through all chosen frames; return the ticket of its strip.

    Args:
        number: of the subject, counted from 0; None is the active one.
    Raises:
        ArtistError: see `look`.
    """
    settings = scene.actionmesh
    request = request_for(scene, clip_of(settings), subject=number)
    keys, name = subject_strip.keys_of(settings, number), scene.name
    folder = thumbnail.new_folder()
    out = tuple(str(folder / f"frame_{number}.png") for number in range(SHOWN))

    def take(found: protocol.Tracked) -> None:
        strip = subject_strip.strip_of(found, keys)
        now = bpy.data.scenes.get(name)
        strips = panel_state.state.strips
        panel_state.state.strips = subject_strip.with_newest(strips, strip, now.actionmesh) if now else (strip,)
        if not _track_next(name):
            look_again(name)

    return runner.ask(protocol.Track(**_source(request), out=out, size=TO_POINT_AT), take)


def _track_next(name: str) -> bool:
    """Track the next subject of a scene's clip that was pointed at and never tracked; return False if there is none.

    Its turn did not come if the artist went on to another subject at once. A script tracks one after another anyway.
    """
    scene = bpy.data.scenes.get(name)
    if not _has_window() or scene is None:
        return False
    settings, strips = scene.actionmesh, panel_state.state.strips
    waiting = (n for n in clip_picks.pointed_at(settings) if subject_strip.latest(strips, settings, n) is None)
    number = next(waiting, None)
    if number is None:
        return False
    with suppress(ArtistError):  # the clip is gone since; the panel says so when it is used
        track(scene, number)
        return True
    return False


def look_again(name: str) -> None:
    """Show a scene's reference frame with its outline; not in a script without a window, which would wait for it."""
    scene = bpy.data.scenes.get(name)
    if not _has_window() or scene is None:
        return
    with suppress(ArtistError):  # the clip is gone since; the panel says so when it is used
        look(scene)


def _has_window() -> bool:
    return not bpy.app.background


def _source(request: protocol.Animate) -> dict[str, Any]:
    """Return the fields of a request that a look shares with it."""
    return {item.name: getattr(request, item.name) for item in fields(protocol.Source)}
