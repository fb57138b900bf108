"""What is the same for every file of an artist: where the backend is, where jobs go, how long models stay in memory."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from dataclasses import dataclass

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from . import installing, links, setup_box

GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Choices:
    """The preferences as plain data.

    Args:
        python: the Python that has the backend's packages, or its environment; empty takes what was installed or is found.
        wheels: folder of wheels to install the backend from, without the network; may be empty.
        index: URL of a mirror of PyPI; empty takes what pip is set up with, or PyPI.
        checkpoints: folder of checkpoints; empty takes the bundled one.
        device: "auto", "cpu", "cuda" or "mps".
        keep_minutes: idle minutes after which the models leave memory.
        job_folder: where jobs keep their results; empty takes the folder of the user.
        job_limit: bytes that finished jobs may take.
        hub_token: for models whose terms must be accepted with a login; empty takes HF_TOKEN or a saved login.
    """

    python: str = ""
    wheels: str = ""
    index: str = ""
    checkpoints: str = ""
    device: str = "auto"
    keep_minutes: float = 10.0
    job_folder: str = ""
    job_limit: int = 20 * GIGABYTE
    hub_token: str = ""


class ActionMeshPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    python: StringProperty(
        name="Backend Python",
        description="Optional: your own Python that has the backend's packages, or the folder of its environment. "
        "Empty takes what Install Backend made, or an environment beside a clone",
        subtype="FILE_PATH",
        update=lambda self, context: installing.test(bpy.path.abspath(self.python)),
    )
    wheels: StringProperty(
        name="Folder of Wheels",
        description="Optional: install the backend from the wheels in this folder, without any network",
        subtype="DIR_PATH",
    )
    index: StringProperty(
        name="Package Index",
        description="Optional: URL of your company's mirror of PyPI. Empty takes what pip is set up with, or PyPI",
    )
    checkpoints: StringProperty(
        name="Checkpoints",
        description="Folder that holds the networks' weights. They decide how good and how fast results are. "
        "Empty takes the small bundled weights",
        subtype="DIR_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="What computes. The result is the same, the time is not",
        items=(
            ("auto", "Automatic", "The fastest device that is found"),
            ("cpu", "Processor", "Works everywhere, slowest"),
            ("cuda", "NVIDIA GPU", "Needs an NVIDIA card and a PyTorch made for it"),
            ("mps", "Apple GPU", "Needs a Mac with Apple silicon"),
        ),
    )
    keep_minutes: FloatProperty(
        name="Keep Models (Minutes)",
        description="Idle minutes after which the models leave memory. More makes the next job start sooner, "
        "less gives the memory back to rendering. 0 frees it after every job",
        min=0.0,
        soft_max=120.0,
        default=10.0,
        precision=0,
    )
    job_folder: StringProperty(
        name="Job Folder",
        description="Where results are kept, so that they survive undo, file reload and a crash. Empty takes a folder of your user",
        subtype="DIR_PATH",
    )
    job_limit: IntProperty(
        name="Size Limit (GB)",
        description="When finished jobs take more than this, the oldest are deleted. Meshes in your files are never touched",
        min=1,
        soft_max=500,
        default=20,
    )

    hub_token: StringProperty(
        name="Hugging Face Token",
        description="For models that are given only to who has accepted their terms on huggingface.co. "
        "Blender keeps it readable in its preferences file. Empty takes HF_TOKEN or a saved login",
        subtype="PASSWORD",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        setup_box.draw(layout, context)
        column = layout.column()
        row = column.row(align=True)
        row.prop(self, "python")
        row.operator("actionmesh.test_python", text="", icon="FILE_REFRESH")
        setup_box.draw_verdict(column, context)
        column.prop(self, "wheels")
        column.prop(self, "index")
        column = layout.column()
        column.prop(self, "checkpoints")
        column.prop(self, "hub_token")
        column.prop(self, "device")
        column.prop(self, "keep_minutes")
        column = layout.column()
        column.prop(self, "job_folder")
        column.prop(self, "job_limit")
        links.draw(layout)


def choices() -> Choices:
    """What the artist chose, or the defaults where the add-on runs without preferences (registered by a script)."""
    addon = bpy.context.preferences.addons.get(__package__)
    chosen = addon.preferences if addon else None
    if chosen is None:
        return Choices()
    return Choices(
        python=bpy.path.abspath(chosen.python),
        wheels=bpy.path.abspath(chosen.wheels),
        index=chosen.index.strip(),
        checkpoints=bpy.path.abspath(chosen.checkpoints),
        device=chosen.device,
        keep_minutes=chosen.keep_minutes,
        job_folder=bpy.path.abspath(chosen.job_folder),
        job_limit=chosen.job_limit * GIGABYTE,
        hub_token=chosen.hub_token.strip(),
    )


CLASSES = (ActionMeshPreferences,)
