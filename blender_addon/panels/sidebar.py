"""Code that all panels share: their place in the sidebar, and how they show a problem."""

import bpy

from ..session.notices import FIXES, Problem
from ..session.windows import TAB
from ..wording import write
from ..workflow import animated_object


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class OfActive(SidebarPanel):
    """A panel about the active result."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return animated_object.animation_of(context.active_object) is not None


def show_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem) -> None:
    """Draw what is wrong, what to do, and the button that does it."""
    box = layout.box()
    write(box, context, problem.problem, icon="ERROR")
    if problem.cure:
        write(box, context, problem.cure, icon="BLANK1")
    row = box.row(align=True)
    if problem.fix in FIXES:
        row.operator("actionmesh.mend", text=problem.label)
    elif problem.fix:
        button = row.operator(problem.fix)
        for name, value in problem.arguments.items():
            setattr(button, name, value)
    if problem.finished:
        row.operator("actionmesh.bring_back").job = problem.finished
    alone = not (problem.fix or problem.finished)
    row.operator("actionmesh.dismiss", text="Dismiss" if alone else "", icon="X")
