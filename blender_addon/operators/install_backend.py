"""Install, repair and remove the backend's environment, cancel that, copy a report, and test a Python."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import sys

import bpy
from bpy.props import BoolProperty

from ..errors import InstallError
from ..install import report
from ..install.messages import Action, Failed, Planned, Request
from ..jobs.events import WorkerState
from ..session import installation, panel_state
from ..session.choices import choices
from ..session.runner import runner
from ..session.windows import in_a_window
from ..wording import amount
from .shared import FINISHED, refuse, reporting, requires, tell_verdict


class Installer:
    """An operator that starts the installer. In a Blender without a window it returns when the installer is done."""

    action = Action.INSTALL

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, not installation.is_running(), "The installer is running")

    @reporting
    def begin(self, action: Action) -> set[str]:
        """Start the installer and report an error if it fails."""
        start_installer(action)
        if bpy.app.background:
            self._wait()
        return FINISHED

    def _wait(self) -> None:
        ended = installation.wait()
        if isinstance(ended, Failed):
            raise InstallError(ended.problem, ended.cure)
        if isinstance(ended, Planned):
            problem = f"This would download {amount(ended.download)} into {ended.folder}."
            raise InstallError(problem, "Pass agreed=True to agree.")


def start_installer(action: Action) -> None:
    """Start the installer with the settings in the preferences.

    Raises:
        ArtistError: it is already running, or cannot be started.
    """
    chosen = choices()
    request = Request(
        action,
        online=bpy.app.online_access,
        wheels=chosen.wheels,
        index=chosen.index,
        kind="cpu" if chosen.device == "cpu" else "",
        blender_python=sys.executable,
        jobs=chosen.job_folder,
    )
    installation.start(request, _use_new_backend)


def _use_new_backend() -> None:
    """Let the next job use the new environment, and start the sample if it waits; leave running jobs alone."""
    panel_state.show(None)
    runner.use_other_backend()
    if installation.state.sample_waits and not installation.is_missing(choices().python):
        installation.state.sample_waits = False
        with in_a_window():
            if bpy.ops.actionmesh.try_it.poll():
                bpy.ops.actionmesh.try_it(queued=True)


class ACTIONMESH_OT_install_backend(Installer, bpy.types.Operator):
    """Install the environment that computes animations in a folder of your own. Shows first what it will download"""

    bl_idname = "actionmesh.install_backend"
    bl_label = "Install Backend"

    agreed: BoolProperty(
        name="Agreed",
        description="Download and install at once, without showing first what that takes",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.begin(Action.INSTALL if self.agreed else Action.PLAN)


class ACTIONMESH_OT_repair_backend(Installer, bpy.types.Operator):
    """Rebuild the environment and download anything missing or damaged. The old one stays until the new one works"""

    bl_idname = "actionmesh.repair_backend"
    bl_label = "Repair"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        message = "Rebuilds the environment and downloads anything missing or damaged."
        return context.window_manager.invoke_confirm(self, event, message=message)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.begin(Action.REPAIR)


class ACTIONMESH_OT_remove_backend(Installer, bpy.types.Operator):
    """Delete the environment and everything downloaded for it. Results, settings and logs stay"""

    bl_idname = "actionmesh.remove_backend"
    bl_label = "Remove"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        known = installation.installed()
        size = amount(known.passed.size) if known else "what was downloaded"
        return context.window_manager.invoke_confirm(
            self, event, message=f"Removes the backend ({size}). Results stay."
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if panel_state.state.worker is WorkerState.BUSY:
            return refuse(self, InstallError("A job is using the backend.", "Wait for it or cancel it."))
        runner.stop_backend()
        return self.begin(Action.REMOVE)


class ACTIONMESH_OT_cancel_install(bpy.types.Operator):
    """Cancel the installation. Finished downloads are kept for the next time, and the old backend stays"""

    bl_idname = "actionmesh.cancel_install"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return installation.is_running()

    def execute(self, context: bpy.types.Context) -> set[str]:
        installation.cancel()
        return FINISHED


class ACTIONMESH_OT_dismiss_install(bpy.types.Operator):
    """Hide this message; nothing is installed"""

    bl_idname = "actionmesh.dismiss_install"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        installation.dismiss()
        return FINISHED


class ACTIONMESH_OT_copy_report(bpy.types.Operator):
    """Copy your system, versions and the last lines of the installer's log to the clipboard, for a bug report"""

    bl_idname = "actionmesh.copy_report"
    bl_label = "Copy Report"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = report.write_report(bpy.app.version_string)
        self.report({"INFO"}, "The report was copied to the clipboard")
        return FINISHED


class ACTIONMESH_OT_test_python(bpy.types.Operator):
    """Test whether the Python set in the preferences, or the one found automatically, can run the backend"""

    bl_idname = "actionmesh.test_python"
    bl_label = "Test"

    def execute(self, context: bpy.types.Context) -> set[str]:
        installation.test(choices().python)
        if bpy.app.background:
            installation.wait()
        return tell_verdict(self, installation.state.verdict)


CLASSES = (
    ACTIONMESH_OT_install_backend,
    ACTIONMESH_OT_repair_backend,
    ACTIONMESH_OT_remove_backend,
    ACTIONMESH_OT_cancel_install,
    ACTIONMESH_OT_dismiss_install,
    ACTIONMESH_OT_copy_report,
    ACTIONMESH_OT_test_python,
)
