"""The stages in the words of the command line; {item} stands for the item of an event."""

from .progress import ProgressEvent
from .protocol import ProgressNotice, Stage

WORDS = {
    Stage.MEASURING: "Measuring {item}",
    Stage.RENDERING: "Rendering {item}",
    Stage.LOADING_VIDEO_MODEL: "Loading {item}",
    Stage.READING_PROMPT: "Reading the text",
    Stage.FILMING: "Making the clip",
    Stage.DECODING_CLIP: "Decoding the clip",
    Stage.JUDGING_CLIP: "Checking the clip",
    Stage.READING: "Reading frames",
    Stage.CUTTING_OUT: "Cutting out the subject",
    Stage.REMOVING_BACKGROUND: "Removing the background",
    Stage.FINDING_CAMERA: "Match: finding the camera",
    Stage.ENCODING_FRAMES: "Looking at the frames",
    Stage.REFERENCE: "Stage 0: making the reference shape",
    Stage.SURFACE: "Extracting the surface",
    Stage.INFLATING: "Stage 0: inflating the outline",
    Stage.MOTION: "Stage I: finding the motion",
    Stage.CORRESPONDENCE: "Stage II: moving the mesh",
    Stage.FOLLOWING: "Match: following the clip",
    Stage.PAINTING: "Painting the mesh",
    Stage.RIGGING: "Finding {item} bones",
    Stage.SAVING: "Saving",
    Stage.LESS_MEMORY: "Memory ran out: continuing as on a card of {item} GB",
    Stage.DOWNLOADING: "Downloading",
    Stage.CHECKING: "Checking {item}",
    Stage.HALVING: "Making half-precision copies ({item})",
    Stage.SENDING: "Sending files to {item}",
    Stage.FETCHING: "Fetching the result from {item}",
    Stage.WAITING: "Waiting until {item} can be reached again",
}


def in_words(event: ProgressEvent | ProgressNotice) -> str:
    """Return what the job is doing, such as "Stage I: finding the motion (1 of 2)"."""
    part = f" ({event.part} of {event.parts})" if event.parts > 1 else ""
    return WORDS[event.stage].format(item=event.item) + part
