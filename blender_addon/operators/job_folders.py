"""Open and delete the folders of jobs, and show a picture in one."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import bpy
from bpy.props import StringProperty

from ..errors import ArtistError
from ..session import picture_window
from ..session.runner import runner
from .shared import CANCELLED, FINISHED, reporting


class ACTIONMESH_OT_open_job_folder(bpy.types.Operator):
    """Show the folder of this job, or of all jobs, in the file manager"""

    bl_idname = "actionmesh.open_job_folder"
    bl_label = "Open Job Folder"

    job: StringProperty(
        name="Job", description="Which job. Leave empty to open the folder of all jobs", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            bpy.ops.wm.path_open(filepath=str(runner.folder(self.job)))
        except (ArtistError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return CANCELLED
        return FINISHED


class ACTIONMESH_OT_remove_job(bpy.types.Operator):
    """Delete this job and its result from disk. Animations already in your files stay"""

    bl_idname = "actionmesh.remove_job"
    bl_label = "Delete Job"

    job: StringProperty(name="Job", description="Which job", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        runner.remove(self.job)
        return FINISHED


class ACTIONMESH_OT_show_misfit(bpy.types.Operator):
    """Show the outline of the mesh over the frame that it could not be bent into"""

    bl_idname = "actionmesh.show_misfit"
    bl_label = "Show Picture"

    job: StringProperty(name="Job", description="Which job", options={"SKIP_SAVE"})

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        picture = runner.record(self.job).misfit_path
        if picture is None:
            raise ArtistError("The picture is no longer in the job folder.", "Run the job again.")
        with picture_window.opened():
            bpy.context.space_data.image = bpy.data.images.load(str(picture))
        return FINISHED


CLASSES = (ACTIONMESH_OT_open_job_folder, ACTIONMESH_OT_remove_job, ACTIONMESH_OT_show_misfit)
