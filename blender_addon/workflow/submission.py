"""Turn the artist's settings into a job: the clip, its frames, the mesh, and what to do with the result."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import bpy

from ..errors import ArtistError
from ..jobs.folder import cannot_write, jobs_root, remove_folder
from ..jobs.record import CLIP_FILE, FRAMES_FOLDER, TARGET_FILE, JobRecord, Purpose, new_record
from ..motion.timing import frames_per_second
from ..process.backend_locator import protocol, sample_file
from ..scene.coats import check_room
from ..scene.meshes import save_rest_pose
from ..scene.sample_mesh import add_mesh
from ..scene.seen import Seen, see
from ..scene.targets import check_target, fingerprint
from ..session import blend_identity, clip_picks, panel_state, selection, subject_strip
from ..session.choices import choices
from ..session.runner import runner
from . import delivery, several_subjects, text_clip
from .chosen_clip import choose_clip, clip_of, has_source, picture_rate
from .chosen_frames import frame_choice, scene_frames
from .source_frames import SourceFrames
from .text_clip import MeshPicture

SAMPLE_MESH, SAMPLE_CLIP, SAMPLE_FRAMES = "mesh.glb", "clip.mp4", 16
AUTO, AS_MODELLED = "AUTO", "NEG_Y"
"""The facing that the backend detects by itself, and the axes in which it receives the mesh in that case."""


def submit(
    context: bpy.types.Context,
    targets: list[bpy.types.Object | None],
    filepath: str = "",
    seed: int | None = None,
    waits: bool = False,
) -> list[str]:
    """Queue one job for each target, None standing for a new object of each subject of the clip; return their ids.

    All targets are checked, and recorded as they are now, before the first job is queued. An animated object is
    rendered once for all of them.

    Args:
        filepath: a clip that overrides the scene's settings.
        seed: overrides the scene's settings.
        waits: whether the caller waits for the jobs; if so, this Blender renders, since nobody uses its window.
    Raises:
        ArtistError: no source is chosen, a target cannot be animated or follows a subject that was not pointed at, or
            the job's folder cannot be written.
    """
    settings = context.scene.actionmesh
    for target in targets:
        if target is not None:
            check_target(target)
            if settings.colours:
                check_room(target)
    seen = [None if target is None else see(target, target.actionmesh.facing == AUTO) for target in targets]
    if settings.source == "TEXT" and not filepath:
        return _submit_text(context, seen, seed)
    source = settings.source_object if settings.source == "OBJECT" and not filepath else None
    frames = scene_frames(context.scene) if source else []
    clip = FRAMES_FOLDER if source else clip_of(settings, filepath)
    asked = [
        (request_for(context.scene, clip, seed, frames, subject), item, number)
        for target, item in zip(targets, seen, strict=True)
        for subject, number in several_subjects.of_job(settings, target, clip)
    ]
    pictures = SourceFrames(source, frames, settings, apart=not waits) if source else None
    return [_submit_one(context, request, item, pictures, number) for request, item, number in asked]


def _submit_text(context: bpy.types.Context, seen: list[Seen | None], seed: int | None) -> list[str]:
    """Queue one job for each target that first makes a clip from the artist's text; return their ids."""
    settings = context.scene.actionmesh
    wish = text_clip.wish_of(settings)
    spread = protocol.FrameChoice(spread=settings.frame_count)
    request = replace(request_for(context.scene, CLIP_FILE, seed, []), frames=spread, mask=None, anchor=None, fps=None)
    return [_submit_one(context, text_clip.generating(request, wish), item, None) for item in seen]


def submit_sample(context: bpy.types.Context) -> str:
    """Add the bundled mesh and queue the job that moves it as the bundled clip; return the job's id.

    The scene's settings have no effect and stay as they are, except that the clip is set if none was chosen.

    Raises:
        ArtistError: the mesh cannot be read, or the job's folder cannot be written.
    """
    target = add_mesh(context, sample_file(SAMPLE_MESH), "Sample")
    selection.present(context, target)
    selection.bring_into_view(context, target, closer=True)
    try:
        seen = see(target, upright=True)
        record = _sample_job(context, target)
        save_target(seen, AS_MODELLED, record)
    except ArtistError:
        bpy.data.meshes.remove(target.data)
        raise
    if not has_source(context.scene.actionmesh):
        choose_clip(context.scene.actionmesh, record.request.clip, relative=False)
    return runner.submit(record, plays=True)


def _sample_job(context: bpy.types.Context, target: bpy.types.Object) -> JobRecord:
    clip = str(sample_file(SAMPLE_CLIP))
    request = protocol.Animate(
        clip=clip,
        out=(),
        mesh=TARGET_FILE,
        frames=protocol.FrameChoice(spread=SAMPLE_FRAMES),
        anchor=0,
        preset=protocol.PresetName.DEMO,
        match=protocol.Match.AUTO,
        colours=True,
        facing=protocol.Facing.AUTO,
        reference_pose=protocol.ReferencePose.CORRECTED,
        device=choices().device,
    )
    writing = delivery.chosen(context.scene, target.name)
    writing = replace(writing, facing=AS_MODELLED, upright=True, target=fingerprint(target))
    return new_job(context, request, f"{delivery.name_of(clip)} to {target.name}", Purpose.KEYS, writing)


def request_for(
    scene: bpy.types.Scene, clip: str, seed: int | None = None, rendered: Sequence[int] = (), subject: int | None = None
) -> protocol.Animate:
    """Return what the settings ask of a clip, without a mesh and without results.

    Args:
        rendered: the scene's frames of which the clip is rendered; empty for a clip that exists.
        subject: of the clip, counted from 0; None is the active one.
    Raises:
        ArtistError: the reference is none of the frames, or what was pointed at makes no sense.
    """
    settings = scene.actionmesh
    rate = frames_per_second(scene.render.fps, scene.render.fps_base)
    if rendered:
        rate /= rendered[1] - rendered[0]
    frames = protocol.FrameChoice() if rendered else frame_choice(scene)
    total = len(rendered) or frames.spread or frames.count
    if total and settings.anchor >= total:
        raise ArtistError(
            f"The reference is frame {settings.anchor + 1} of {total}.", f"Choose a frame from 1 to {total}."
        )
    return protocol.Animate(
        clip=clip,
        out=(),
        mask=None if rendered or not settings.masks else bpy.path.abspath(settings.masks),
        frames=frames,
        anchor=settings.anchor if settings.is_property_set("anchor") else None,
        preset=settings.preset,
        seed=settings.seed if seed is None else seed,
        in_betweens=settings.in_betweens,
        fps=rate if rendered else picture_rate(settings, clip),
        memory=protocol.Memory(settings.memory),
        checkpoint=settings.checkpoint or None,
        device=choices().device,
        picks=clip_picks.picks_for(settings, clip, subject),
        masks_from=subject_strip.kept_masks(panel_state.state.strips, settings, clip, subject),
    )


def _submit_one(
    context: bpy.types.Context,
    request: protocol.Animate,
    seen: Seen | None,
    pictures: SourceFrames | None,
    number: str = "",
) -> str:
    """Queue a job; `number` completes the name of its result."""
    source: SourceFrames | MeshPicture | None = pictures
    name = (pictures.name if pictures else _name_of(request)) + number
    settings = context.scene.actionmesh
    writing = delivery.chosen(context.scene, name, pictures.first if pictures else None)
    if seen is None:
        request = replace(request, **_made_mesh(settings))
        record = new_job(context, request, name, Purpose.NEW_OBJECT, writing)
    else:
        target, axis = seen.object, seen.object.actionmesh.facing
        facing = AS_MODELLED if axis == AUTO else axis
        writing = replace(writing, facing=facing, upright=axis == AUTO, target=fingerprint(target))
        request = replace(request, **_own_mesh(settings, axis))
        if isinstance(request, protocol.Generate) and request.picture is None:
            source = rendered = MeshPicture.of(target, axis)
            side = protocol.Facing.FRONT if rendered.is_front else protocol.Facing.AUTO
            request = replace(request, facing=side, picture=text_clip.FIRST)
        record = new_job(context, request, f"{name} to {target.name}", Purpose.KEYS, writing)
        save_target(seen, writing.facing, record)
    return runner.submit(record, source.prepare(record) if source else None)


def _name_of(request: protocol.Animate) -> str:
    """Return the name of a result: of its clip, or what the artist said."""
    if isinstance(request, protocol.Generate):
        return text_clip.title_of(request.prompt)
    return delivery.name_of(request.clip)


def _own_mesh(settings: bpy.types.PropertyGroup, axis: str) -> dict[str, Any]:
    """Return the fields of a request that concern the artist's own mesh.

    A mesh whose axis was chosen is saved rotated so that its front points along +Z.
    """
    return {
        "mesh": TARGET_FILE,
        "match": protocol.Match(settings.match),
        "bend": settings.bend,
        "colours": settings.colours,
        "facing": protocol.Facing.AUTO if axis == AUTO else protocol.Facing.FRONT,
        "reference_pose": protocol.ReferencePose(settings.reference_pose),
    }


def _made_mesh(settings: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Return the fields of a request that concern the mesh of a new object; None leaves a field to the preset."""
    chosen = settings.is_property_set("smallest_part")
    return {
        "shape": protocol.Shape(settings.shape),
        "image_steps": settings.image_steps or None,
        "max_faces": settings.max_faces or None,
        "smallest_part": round(settings.smallest_part / 100, 6) if chosen else None,
    }


def new_job(
    context: bpy.types.Context,
    request: protocol.Animate,
    title: str,
    purpose: Purpose,
    writing: delivery.Writing,
    rematch: protocol.Rematch | None = None,
) -> JobRecord:
    """Return the record of a new job of the open file; raise FolderError if its folder cannot be made."""
    facts = {
        "title": title,
        "purpose": purpose,
        "writing": writing.as_json(),
        "blend_file": blend_identity.keep_file_id(),
    }
    return new_record(jobs_root(choices().job_folder), request, rematch, **facts)


def save_target(seen: Seen, facing: str, record: JobRecord) -> None:
    """Save the mesh as it was recorded into the job's folder, so that later edits do not reach the waiting job."""
    try:
        if seen.carry is None:
            save_rest_pose(seen.object, facing, record.target_path, with_corners=record.request.colours)
        else:
            seen.save(facing, record.target_path, with_corners=record.request.colours)
    except OSError as error:
        record.release()
        remove_folder(record.folder)
        raise cannot_write(record.target_path, error) from error
