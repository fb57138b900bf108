"""The settings that all files share: where the backend is, where jobs go, how long models stay in memory."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..panels import setup_box
from ..session import connection_test, installation
from ..session.choices import ADDON
from ..session.runner import runner
from ..wording import fields, in_rows
from . import links


class ActionMeshPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    python: StringProperty(
        name="Backend Python",
        description="Optional: your own Python with the backend's packages, or the folder of its environment. "
        "Leave empty to use what Install Backend made, or an environment next to a clone",
        subtype="FILE_PATH",
        update=lambda self, context: installation.test(bpy.path.abspath(self.python)),
    )
    wheels: StringProperty(
        name="Folder of Wheels",
        description="Optional: install the backend from the wheels in this folder, without using the network",
        subtype="DIR_PATH",
    )
    index: StringProperty(
        name="Package Index",
        description="Optional: URL of your company's mirror of PyPI. Leave empty to use pip's own setting, or PyPI",
    )
    checkpoints: StringProperty(
        name="Checkpoints",
        description="Folder with the weights of the networks. They decide how good and how fast results are. "
        "Leave empty to use the small bundled weights",
        subtype="DIR_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="Hardware that computes the animation. It affects the speed, not the result",
        items=(
            ("auto", "Automatic", "Use the fastest device that is found"),
            ("cpu", "Processor", "Works on every computer, but slowest"),
            ("cuda", "NVIDIA GPU", "Needs an NVIDIA graphics card and a version of PyTorch that supports it"),
            ("mps", "Apple GPU", "Needs a Mac with Apple silicon"),
        ),
    )
    keep_minutes: FloatProperty(
        name="Keep Models (Minutes)",
        description="Idle minutes before the models leave memory. A larger value starts the next job sooner, "
        "a smaller value frees memory for rendering. 0 frees it after every job",
        min=0.0,
        soft_max=120.0,
        default=10.0,
        precision=0,
    )
    job_folder: StringProperty(
        name="Job Folder",
        description="Where results are kept, so that they survive undo, reloading a file and a crash. "
        "Leave empty to use a folder of your user account",
        subtype="DIR_PATH",
    )
    job_limit: IntProperty(
        name="Size Limit (GB)",
        description="When finished jobs take more space than this, the oldest are deleted. "
        "Meshes in your files are never touched",
        min=1,
        soft_max=500,
        default=20,
    )

    hub_token: StringProperty(
        name="Hugging Face Token",
        description="For models that require you to accept their terms on huggingface.co. "
        "Blender stores it unencrypted in its preferences file. Leave empty to use HF_TOKEN or a saved login",
        subtype="PASSWORD",
    )

    host: StringProperty(
        name="Another Computer",
        description="Optional: a computer you trust that does the jobs, reached by ssh: a name, user@name, or "
        "an alias of ~/.ssh/config. Leave empty to use this computer",
        update=lambda self, context: _use_other_computer(),
    )
    host_port: IntProperty(
        name="Port",
        description="Port of its ssh server. 0 uses what your ssh configuration says, or 22",
        min=0,
        max=65535,
        update=lambda self, context: _use_other_computer(),
    )
    host_backend: StringProperty(
        name="Remote Backend",
        description="Path of ActionMesh on that computer: its program actionmesh, a Python that has it, or the folder "
        "of a clone. Leave empty to look in the usual places",
        update=lambda self, context: _use_other_computer(),
    )
    host_minutes: FloatProperty(
        name="Reconnect For (Minutes)",
        description="If the connection drops, how long the job keeps running there while Blender tries to reconnect. "
        "If Blender crashes, the job stops after this time",
        min=0.1,
        max=24.0 * 60,
        soft_max=120.0,
        default=10.0,
        precision=0,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        setup_box.draw(layout, context, self.python)
        column = layout.column()
        row = column.row(align=True)
        row.prop(self, "python")
        row.operator("actionmesh.test_python", text="", icon="FILE_REFRESH")
        setup_box.draw_verdict(column, context)
        fields(column, self, "wheels", "index")
        column = layout.column()
        row = column.row(align=True)
        row.prop(self, "host")
        row.operator("actionmesh.test_connection", text="", icon="FILE_REFRESH")
        if self.host.strip():
            setup_box.draw_connection(column, context)
            fields(column, self, "host_port", "host_backend", "host_minutes")
        fields(layout.column(), self, "checkpoints", "hub_token", "device", "keep_minutes")
        fields(layout.column(), self, "job_folder", "job_limit")
        links.draw(layout)


def _use_other_computer() -> None:
    """Forget what was found out about the computer before, and let the next job use the one that is named now."""
    connection_test.end()
    runner.use_other_backend()


CLASSES = (ActionMeshPreferences,)
