"""Render an animated object's pictures for jobs, frame by frame, in a second Blender or in this one."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import bpy

from ..errors import ArtistError, BackendMissing, RenderError
from ..jobs import rendering
from ..jobs.queue import Preparation
from ..jobs.record import JobRecord
from ..motion.stills import count_stills, hardly_moves
from ..process.backend_locator import protocol
from ..scene import second_blender
from ..scene.pictures import Engine
from ..scene.source_objects import Name
from ..scene.source_render import Plan, counted, plan_frames, render
from ..scene.viewing import read_picture
from ..session import panel_state, thumbnail
from ..session.notices import Problem

COPY_FILE, LOG_FILE = "source.blend", "render.log"
"""Names of files in the job's folder during rendering."""


class SourceFrames:
    """An animated object's pictures, rendered by the first job that needs them and reused by the others.

    Args:
        source: the object to render.
        frames: the frames of the scene to render.
        settings: of the scene; their current values are used.
        apart: whether a second Blender may render, so that this one's window stays free.
    """

    def __init__(self, source: bpy.types.Object, frames: list[int], settings: bpy.types.PropertyGroup, apart: bool):
        self.name, self.first = source.name, float(frames[0])
        self._source, self._frames, self._facing = source, frames, settings.source_facing
        self._keys, self._anchor = (thumbnail.source_key(settings), thumbnail.clip_key(settings)), settings.anchor
        self._apart = apart
        self._folder: Path | None = None

    def prepare(self, record: JobRecord) -> Preparation:
        """Put the pictures into the job's folder; yield its progress, or None while a second Blender works."""
        if self._folder is not None and len(list(self._folder.glob("*.png"))) == len(self._frames):
            shutil.copytree(self._folder, record.frames_path)
            return
        record.frames_path.mkdir(mode=0o700)
        plan, names = plan_frames(bpy.context.scene, self._source, self._frames, facing=self._facing)
        yield from self._render(plan, names, record)
        self._folder = record.frames_path
        self._show_reference()
        self._tell_if_still()

    def _render(self, plan: Plan, names: list[Name], record: JobRecord) -> Iterator[protocol.ProgressNotice | None]:
        command = second_blender.command() if self._apart else None
        reason = second_blender.reason_to_stay() if command else ""
        if command and not reason:
            try:
                return (yield from _render_apart(plan, names, record, command))
            except BackendMissing:
                reason = "no second Blender can be started"
        title = f"{self.name} in this window: {reason}" if reason else self.name
        yield from counted(title, render(plan, names, record.frames_path))

    def _show_reference(self) -> None:
        """Show the reference frame as the panel's thumbnail: anything missing there is missing in the motion."""
        pictures = sorted(self._folder.glob("*.png")) if self._folder else []
        if self._anchor >= len(pictures):
            return
        summary = f"Scene frame {self._frames[self._anchor]} of {self.name}"
        with suppress(OSError):
            panel_state.state.look = thumbnail.of_rendered(pictures[self._anchor], self._keys, len(pictures), summary)

    def _tell_if_still(self) -> None:
        """Warn if the object hardly moves in the pictures.

        If a short motion lies in a long range, most frames fall before or after it, which makes a poor animation.
        """
        pictures = sorted(self._folder.glob("*.png")) if self._folder else []
        with suppress(ArtistError):
            stills, steps = count_stills(read_picture(path) for path in pictures)
            if hardly_moves(stills, steps):
                problem = f"{self.name} hardly moves: {stills} of its {steps + 1} pictures are like the one before."
                panel_state.show(Problem(problem, "Choose first frame, count and step under Frames so that it moves."))


def _render_apart(
    plan: Plan, names: list[Name], record: JobRecord, command: list[str]
) -> Iterator[protocol.ProgressNotice | None]:
    """Render in a second Blender; retry with Cycles if EEVEE does not start without a window."""
    while bpy.app.is_job_running("RENDER"):
        yield None
    copy = record.folder / COPY_FILE
    order = second_blender.write_copy(plan, names, copy, record.frames_path)
    try:
        yield from rendering.watch(command, order.line(), record.folder / LOG_FILE, [copy])
    except RenderError:
        if plan.engine is Engine.CYCLES:
            raise
        yield from _render_apart(replace(plan, engine=Engine.CYCLES), names, record, command)
