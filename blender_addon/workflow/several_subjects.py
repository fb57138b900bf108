"""The subjects of a clip that has several: their numbers, and which of them a new object or a mesh follows."""

import bpy

from ..errors import ArtistError
from ..session import clip_picks
from ..session.clip_picks import MOST_SUBJECTS


def numbered(settings: bpy.types.PropertyGroup, number: int) -> int:
    """Return the subject with a number counted from 1, counted from 0; 0 is the active one.

    Raises:
        ArtistError: it is neither there nor the next.
    """
    if number == 0:
        return clip_picks.active(settings)
    highest = clip_picks.next_subject(settings) + 1
    if number > highest:
        raise ArtistError(f"There is no subject {number} yet.", f"Give a number up to {highest}.")
    return number - 1


def why_none_more(settings: bpy.types.PropertyGroup) -> str:
    """Return a sentence on why no subject can be added; empty if one can."""
    if clip_picks.next_subject(settings) == MOST_SUBJECTS:
        return f"A clip has at most {MOST_SUBJECTS} subjects"
    if not clip_picks.key_of(settings):
        return f"Point at {'the' if clip_picks.subject_count(settings) == 1 else 'this'} subject first"
    return ""


def remove(scene: bpy.types.Scene) -> None:
    """Remove the active subject. The numbers of those after it drop by one, also where a mesh follows them."""
    gone = clip_picks.active(scene.actionmesh)
    clip_picks.remove(scene.actionmesh)
    for target in scene.objects:
        followed = _followed_by(target)
        if target.library is not None or followed is None or followed < gone:
            continue
        if followed == gone:
            target.actionmesh.property_unset("subject")
        else:
            target.actionmesh.subject = str(followed)  # counted from 1, as the menu is


def of_job(
    settings: bpy.types.PropertyGroup, target: bpy.types.Object | None, clip: str
) -> list[tuple[int | None, str]]:
    """Return the subjects of a clip that a mesh follows, one, or new objects show: each that was pointed at.

    Args:
        target: None stands for new objects.
        clip: its absolute path.
    Returns:
        Each subject, counted from 0, with what its number adds to a name. None is a clip's only subject.
    Raises:
        ArtistError: the mesh follows a subject that was not pointed at.
    """
    is_picked = clip_picks.is_chosen(settings, clip) and not settings.masks
    if not is_picked or clip_picks.subject_count(settings) == 1:
        return [(None, "")]
    pointed = clip_picks.pointed_at(settings)
    numbers = pointed if target is None else [_of_mesh(settings, target, pointed)]
    return [(number, f" {number + 1}" if len(pointed) > 1 else "") for number in numbers]


def _of_mesh(settings: bpy.types.PropertyGroup, target: bpy.types.Object, pointed: list[int]) -> int:
    """Return the subject that a mesh follows; raise ArtistError if it is none of those that were pointed at."""
    followed = _followed_by(target)
    number = clip_picks.active(settings) if followed is None else followed
    if number not in pointed:
        problem = f"{target.name} follows subject {number + 1}, which was not pointed at."
        raise ArtistError(problem, "Press Pick Subject and point at it, or choose another subject for the mesh.")
    return number


def _followed_by(target: bpy.types.Object) -> int | None:
    """Return the subject that was chosen for a mesh, counted from 0; None if none was."""
    chosen = target.actionmesh.subject
    return int(chosen) - 1 if chosen.isdecimal() else None
