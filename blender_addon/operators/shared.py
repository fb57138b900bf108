"""Code that the operators share: reporting errors, queuing jobs, and finding the meshes to work on."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

from collections.abc import Callable
from functools import wraps
from typing import Any

import bpy
from bpy.props import BoolProperty

from ..errors import ArtistError
from ..install.probe import Verdict
from ..session import panel_state
from ..session.notices import AlreadyShown, Problem
from ..session.runner import runner
from ..workflow import animated_object

FINISHED, CANCELLED = {"FINISHED"}, {"CANCELLED"}


def refuse(operator: bpy.types.Operator, error: ArtistError) -> set[str]:
    """Report an error and show it in the panel. From a script, Blender raises RuntimeError with its text."""
    if not isinstance(error, AlreadyShown):
        panel_state.show(Problem.of(error))
    operator.report({"ERROR"}, str(error))
    return CANCELLED


def reporting(step: Callable[[Any, Any], set[str]]) -> Callable[[Any, Any], set[str]]:
    """Decorate a method of an operator: report the errors that an artist can cause, see `refuse`."""

    @wraps(step)
    def report(self: Any, argument: Any) -> set[str]:
        try:
            return step(self, argument)
        except ArtistError as error:
            return refuse(self, error)

    return report


def requires(operator: Any, met: bool, otherwise: str) -> bool:
    """Return whether a condition of an operator's `poll` is met; if not, the tooltip of its button says `otherwise`."""
    if not met:
        operator.poll_message_set(otherwise)
    return met


class OfAnimated:
    """An operator on the animation of the active mesh."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        target = context.active_object
        if animated_object.animation_of(target) is not None:
            return True
        down = "All results of this mesh are on NLA tracks. Take one up first (Result > Tracks)"
        return requires(
            cls, False, down if animated_object.tracks_of(target) else "Select a mesh that ActionMesh animated"
        )


class InBackground:
    """An operator that returns at once from a button; from a script it returns when its work is done."""

    queued: BoolProperty(name="In the Background", description="Return at once", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        return self.execute(context)  # type: ignore[attr-defined,no-any-return]


class Queued(InBackground):
    """An operator that queues a job; its work is done when the result is in the scene."""

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        job = self.submit(context)
        if not self.queued:
            runner.wait_for([job])
        return warn(self)

    def submit(self, context: bpy.types.Context) -> str:
        """Queue the job and return its id."""
        raise NotImplementedError


def warn(operator: bpy.types.Operator) -> set[str]:
    """Report the problem that the panel shows, if any, after a job that was waited for."""
    if panel_state.state.problem is not None:
        operator.report({"WARNING"}, f"{panel_state.state.problem.problem} {panel_state.state.problem.cure}".strip())
    return FINISHED


def tell_verdict(operator: bpy.types.Operator, verdict: Verdict | None) -> set[str]:
    """Report the verdict of a test, if it is over."""
    if verdict is not None:
        operator.report({"INFO" if verdict.works else "WARNING"}, verdict.text)
    return FINISHED if verdict is None or verdict.works else CANCELLED


def active_mesh(context: bpy.types.Context) -> bpy.types.Object | None:
    target = context.active_object
    return target if target is not None and target.type == "MESH" else None


def source_object(context: bpy.types.Context) -> bpy.types.Object | None:
    """Return the animated object that is the source of the motion, or None if the source is a clip."""
    settings = context.scene.actionmesh
    return settings.source_object if settings.source == "OBJECT" else None


def why_no_mesh(context: bpy.types.Context) -> str:
    """Return a sentence on why no selected mesh can be animated and what to do."""
    if source_object(context) in context.selected_objects:
        return "The selected object is the source of the motion; select another"
    for item in context.selected_objects:
        if item.type == "EMPTY" and item.instance_type == "COLLECTION":
            return (
                f"{item.name} shows a collection and has no mesh of its own; use Object > Apply > Make Instances Real"
            )
    return "Select a mesh to animate"


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Return the selected meshes, except the object that is the source of the motion."""
    source = source_object(context)
    return [target for target in context.selected_objects if target.type == "MESH" and target != source]
