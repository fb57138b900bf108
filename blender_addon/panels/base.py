"""What all panels share: their place in the sidebar, and how a problem is shown."""

import textwrap

import bpy

from ..problems import FIXES, Problem

UNITS = 20
"""Pixels a widget is high at 100 %."""
LETTER = 6.8
"""Pixels of a letter, with some to spare: Blender cuts a line that does not fit."""


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ActionMesh"


def in_rows(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """Labels to the left, fields to the right, no keyframe dots: none of these settings can be animated."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def write(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A sentence, broken to the sidebar's width, its icon before the first line."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 without a window
    width = context.region.width if context.region else 300
    letters = max(20, int((width / scale - 3.5 * UNITS) / LETTER))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=(icon if number == 0 else "BLANK1") if icon != "NONE" else "NONE")


def show_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem) -> None:
    """What is wrong, what to do, and the button that does it."""
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


def time_left(seconds: float | None) -> str:
    """Seconds in words, coarse enough not to flicker."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
