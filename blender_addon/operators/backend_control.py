"""Control the backend by hand: start it, stop it, free its memory, open its log, set where it is."""

import bpy

from ..jobs.events import WorkerState
from ..session import connection_test, panel_state
from ..session.choices import choices
from ..session.runner import runner
from .shared import CANCELLED, FINISHED, reporting, requires, tell_verdict


class ACTIONMESH_OT_start_backend(bpy.types.Operator):
    """Start the backend now instead of with the first job, to see its devices and checkpoints"""

    bl_idname = "actionmesh.start_backend"
    bl_label = "Start"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        running = panel_state.state.worker in {WorkerState.READY, WorkerState.BUSY, WorkerState.STARTING}
        return requires(cls, not running, "The backend is running")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        runner.start_backend()
        return FINISHED


class ACTIONMESH_OT_stop_backend(bpy.types.Operator):
    """Stop the backend and cancel all jobs. Its memory is freed at once"""

    bl_idname = "actionmesh.stop_backend"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _is_running(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        count = runner.stop_backend()
        self.report({"INFO"}, f"The backend has stopped, and {count or 'no'} job{'' if count == 1 else 's'} with it.")
        return FINISHED


class ACTIONMESH_OT_free_memory(bpy.types.Operator):
    """Remove the models from memory to free it for rendering. The next job loads them again"""

    bl_idname = "actionmesh.free_memory"
    bl_label = "Free Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        idle = panel_state.state.worker is not WorkerState.BUSY
        return requires(cls, idle, "A running job needs the memory") and _is_running(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        runner.free_memory()
        return FINISHED


class ACTIONMESH_OT_test_connection(bpy.types.Operator):
    """Test whether the other computer can be reached and its backend works. Blender stays usable meanwhile"""

    bl_idname = "actionmesh.test_connection"
    bl_label = "Test Connection"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, choices().computer is not None, "The preferences name no other computer")

    def execute(self, context: bpy.types.Context) -> set[str]:
        computer = choices().computer
        assert computer is not None
        connection_test.begin(computer)
        if bpy.app.background:
            connection_test.wait()
        return tell_verdict(self, connection_test.verdict)


class ACTIONMESH_OT_open_log(bpy.types.Operator):
    """Open the log of the backend in a text editor, to see why something failed"""

    bl_idname = "actionmesh.open_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        there = runner.log_path() is not None
        return requires(cls, there, "There is no log until the backend has been started")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            bpy.ops.wm.path_open(filepath=str(runner.log_path()))
        except RuntimeError as error:
            self.report({"ERROR"}, str(error))
            return CANCELLED
        return FINISHED


class ACTIONMESH_OT_open_preferences(bpy.types.Operator):
    """Open the add-on's preferences to set the backend's Python and the folder of checkpoints"""

    bl_idname = "actionmesh.open_preferences"
    bl_label = "Open Preferences"

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])
        return FINISHED


def _is_running(operator: type[bpy.types.Operator]) -> bool:
    stopped = panel_state.state.worker in {WorkerState.STOPPED, WorkerState.NOT_FOUND}
    return requires(operator, not stopped, "The backend is not running")


CLASSES = (
    ACTIONMESH_OT_start_backend,
    ACTIONMESH_OT_stop_backend,
    ACTIONMESH_OT_free_memory,
    ACTIONMESH_OT_test_connection,
    ACTIONMESH_OT_open_log,
    ACTIONMESH_OT_open_preferences,
)
