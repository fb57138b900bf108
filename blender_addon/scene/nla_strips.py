"""The NLA strips of results: found, also in meta strips, given actions of their own, and removed."""

from collections.abc import Iterable, Iterator

import bpy

from ..errors import ArtistError
from . import fcurves
from .rest_track import is_rest


def strips_of(owner: bpy.types.ID, paths: set[str]) -> Iterator[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip]]:
    """Yield the tracks and strips that play a curve of one of these data paths; not the strip that holds them at 0."""
    animation = owner.animation_data
    for track in animation.nla_tracks if animation is not None else ():
        for strip in leaves(track.strips):
            if strip.action is not None and not is_rest(strip) and paths_in(strip) & paths:
                yield track, strip


def leaves(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[bpy.types.NlaStrip]:
    """Yield strips, and in place of a meta strip those that it holds."""
    for strip in strips:
        if strip.type == "META":
            yield from leaves(strip.strips)
        else:
            yield strip


def paths_in(strip: bpy.types.NlaStrip) -> set[str]:
    """Return the data paths that the action of a strip animates."""
    return {curve.data_path for curve in fcurves.curves_of(strip.action, fcurves.slot_of(strip))}


def own_actions(strips: list[bpy.types.NlaStrip], spare_assets: bool = False) -> None:
    """Give strips actions of this file that nothing else plays, because curves are changed in them.

    Args:
        spare_assets: also give them a copy of an action that is an asset.
    """
    for action in {strip.action for strip in strips}:
        users = [strip for strip in strips if strip.action == action]
        spared = action.library is not None or (spare_assets and action.asset_data is not None)
        if not spared and action.users - action.use_fake_user <= len(users):
            continue
        copy = action.copy()
        for strip in users:
            slot = fcurves.slot_of(strip)
            strip.action = copy
            if slot is not None:
                strip.action_slot = copy.slots[slot.identifier]


def check_removable(key: bpy.types.Key, paths: set[str]) -> None:
    """Raise ArtistError if strips that play a curve of one of these data paths cannot be removed.

    Raises:
        ArtistError: one is in a meta strip, from which Python cannot take it.
    """
    for track, strip in strips_of(key, paths):
        if strip not in list(track.strips):
            problem = f"The strip {strip.name} of {key.name} is in a meta strip."
            raise ArtistError(problem, "Choose Strip > Remove Meta-Strips in the NLA editor first.")


def remove_strips(key: bpy.types.Key, strips: set[bpy.types.NlaStrip]) -> None:
    """Remove strips that are in no meta strip, and the tracks that are empty without them."""
    tracks = key.animation_data.nla_tracks
    for track in list(tracks):
        unwanted = [strip for strip in track.strips if strip in strips]
        for strip in unwanted:
            track.strips.remove(strip)
        if unwanted and not len(track.strips):
            tracks.remove(track)
