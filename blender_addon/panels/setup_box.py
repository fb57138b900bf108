"""The box with the state of the backend's installation, drawn in the panels and in the preferences."""

import os
from pathlib import Path

import bpy

from ..errors import BackendMissing
from ..install.messages import SYSTEM_PREFERENCES, Failed, Finished, Planned, Progress, Stage
from ..install.probe import Verdict
from ..process.backend_locator import find_python
from ..session import connection_test, installation
from ..session.choices import choices
from ..wording import amount, time_left, write

WORDS = {
    Stage.PREFLIGHT: "Checking",
    Stage.TOOL: "Getting the Installer",
    Stage.PYTHON: "Getting Python",
    Stage.DOWNLOAD: "Downloading",
    Stage.INSTALL: "Installing",
    Stage.IMPORT: "Loading Packages",
    Stage.TRIAL: "Test Animation",
    Stage.REMOVE: "Removing",
}
NUMBERED = [stage for stage in WORDS if stage is not Stage.REMOVE]
INVITATION = (
    "The backend, which computes animations, is not installed yet. It is installed in its own folder outside Blender."
)
OWN_PYTHON = "A Python of your own runs the backend. You can also install one in its own folder outside Blender."
SAMPLE_WAITS = "The sample is animated as soon as the backend is installed."


def draw_if_needed(layout: bpy.types.UILayout, context: bpy.types.Context, python: str) -> bool:
    """Draw the box if there is no backend yet or the installer has something to show; return whether it was drawn.

    Args:
        python: the Python set in the preferences.
    """
    if choices().computer is not None:
        return False
    if installation.is_running() or installation.state.planned or isinstance(installation.state.ended, Failed):
        draw(layout, context, python)
        return True
    try:
        find_python(python)
    except BackendMissing as error:
        if not python and not installation.installed():
            draw(layout, context, python)
            layout.operator("actionmesh.try_it", icon="PLAY")
        else:
            _draw_missing(layout.box(), context, error)
        return True
    return False


def _draw_missing(layout: bpy.types.UILayout, context: bpy.types.Context, error: BackendMissing) -> None:
    """Draw what is wrong with the Python that the artist chose."""
    write(layout, context, error.problem, "ERROR")
    layout.operator("actionmesh.open_preferences", icon="PREFERENCES")


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, python: str) -> None:
    """Draw the first of these that exists: progress, a plan to agree to, a failure, the installed backend.

    Args:
        python: the Python set in the preferences.
    """
    box, shown = layout.box(), installation.state
    if shown.progress:
        _draw_progress(box, context, shown.progress)
        _draw_sample(box, context)
    elif shown.planned:
        _draw_plan(box, context, shown.planned)
    elif isinstance(shown.ended, Failed):
        _draw_failure(box, context, shown.ended)
    elif known := installation.installed():
        _draw_installed(box, context, known, shown.ended)
    else:
        write(box, context, _about_python(python))
        box.operator("actionmesh.install_backend", icon="IMPORT")


def _about_python(python: str) -> str:
    try:
        find_python(python)
    except BackendMissing as error:
        return error.problem if python else INVITATION
    return OWN_PYTHON


def _draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, progress: Progress) -> None:
    stage = Stage(progress.stage)
    number = f"{NUMBERED.index(stage) + 1} of {len(NUMBERED)}: " if stage in NUMBERED else ""
    layout.label(text=f"{number}{WORDS[stage]}", icon="TIME")
    layout.progress(text=_told(progress), factor=progress.fraction or 0.0)
    layout.operator("actionmesh.cancel_install", icon="X")


def _told(progress: Progress) -> str:
    return ", ".join(filter(None, (progress.text, time_left(progress.seconds_left))))


def _draw_plan(layout: bpy.types.UILayout, context: bpy.types.Context, plan: Planned) -> None:
    write(layout, context, f"For {plan.kind}. Downloads up to {amount(plan.download)} from {plan.source}.")
    write(layout, context, f"Takes {amount(plan.installed)} in {_short(plan.folder)}.")
    for note in plan.notes:
        write(layout, context, note, "INFO")
    _draw_sample(layout, context)
    row = layout.row(align=True)
    row.operator("actionmesh.install_backend", text="Download and Install", icon="IMPORT").agreed = True
    row.operator("actionmesh.dismiss_install", text="", icon="X")


def _draw_sample(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw that the sample follows the installation, if the artist pressed Try It."""
    if installation.state.sample_waits:
        write(layout, context, SAMPLE_WAITS, "PLAY")


def _short(folder: str) -> str:
    """Return a path with ~ for the home folder."""
    home = str(Path.home())
    return f"~{folder.removeprefix(home)}" if folder.startswith(home + os.sep) else folder


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context, failed: Failed) -> None:
    write(layout, context, failed.problem, "INFO" if failed.cancelled else "ERROR")
    if failed.cure:
        write(layout, context, failed.cure)
    if failed.fix == SYSTEM_PREFERENCES:
        layout.operator(failed.fix, text="Open System Preferences", icon="PREFERENCES").section = "SYSTEM"
    row = layout.row(align=True)
    row.operator("actionmesh.install_backend", text="Try Again", icon="FILE_REFRESH")
    row.operator("actionmesh.copy_report", icon="COPYDOWN")
    row.operator("actionmesh.dismiss_install", text="", icon="X")


def _draw_installed(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    known: installation.Installed,
    ended: Finished | Failed | None,
) -> None:
    versions = known.passed.versions
    size = amount(known.passed.size)
    text = f"Backend: Python {versions.get('python')}, PyTorch {versions.get('torch')}, {size}"
    write(layout, context, text, "CHECKMARK")
    if isinstance(ended, Finished) and ended.python:
        write(layout, context, f"Installed and tested in {ended.seconds:.0f} s.")
    row = layout.row(align=True)
    if known.outdated:
        row.operator("actionmesh.install_backend", text="Update", icon="IMPORT")
    row.operator("actionmesh.repair_backend", icon="FILE_REFRESH")
    row.operator("actionmesh.remove_backend", text=f"Remove ({size})", icon="TRASH")
    layout.operator("actionmesh.copy_report", icon="COPYDOWN")


def draw_verdict(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the test result of the Python set in the preferences."""
    _draw_test(layout, context, "Testing..." if installation.state.testing else "", installation.state.verdict)


def draw_connection(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the result of the test of the connection to another computer."""
    _draw_test(layout, context, "Connecting..." if connection_test.is_running() else "", connection_test.verdict)


def _draw_test(layout: bpy.types.UILayout, context: bpy.types.Context, doing: str, verdict: Verdict | None) -> None:
    if doing:
        layout.label(text=doing, icon="TIME")
    elif verdict:
        write(layout, context, verdict.text, "CHECKMARK" if verdict.works else "ERROR")
