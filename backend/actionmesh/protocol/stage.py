"""The stages of a job and of a download, as progress and timings name them. Each side shows them in its own words."""

from enum import StrEnum


class Stage(StrEnum):
    MEASURING = "measuring"
    RENDERING = "rendering"
    """These two are done by Blender, before a job is sent to the worker."""
    READING = "reading"
    CUTTING_OUT = "cutting_out"
    REMOVING_BACKGROUND = "removing_background"
    FINDING_CAMERA = "finding_camera"
    ENCODING_FRAMES = "encoding_frames"
    REFERENCE = "reference"
    SURFACE = "surface"
    INFLATING = "inflating"
    MOTION = "motion"
    CORRESPONDENCE = "correspondence"
    FOLLOWING = "following"
    PAINTING = "painting"
    RIGGING = "rigging"
    SAVING = "saving"
    LESS_MEMORY = "less_memory"
    """Memory ran out, and the job goes on with a smaller memory plan."""
    DOWNLOADING = "downloading"
    CHECKING = "checking"
    HALVING = "halving"
