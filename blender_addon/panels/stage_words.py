"""The stages of a job and of a download in the words of the panels; {item} stands for a notice's item."""

from ..process.backend_locator import protocol

WORDS = {
    protocol.Stage.MEASURING: "Measuring {item}",
    protocol.Stage.RENDERING: "Rendering {item}",
    protocol.Stage.LOADING_VIDEO_MODEL: "Loading {item}",
    protocol.Stage.READING_PROMPT: "Reading the text",
    protocol.Stage.FILMING: "Making the clip",
    protocol.Stage.DECODING_CLIP: "Decoding the clip",
    protocol.Stage.JUDGING_CLIP: "Checking the clip",
    protocol.Stage.READING: "Reading frames",
    protocol.Stage.CUTTING_OUT: "Cutting out the subject",
    protocol.Stage.REMOVING_BACKGROUND: "Removing the background",
    protocol.Stage.FINDING_CAMERA: "Finding the camera",
    protocol.Stage.ENCODING_FRAMES: "Looking at the frames",
    protocol.Stage.REFERENCE: "Making the reference shape",
    protocol.Stage.SURFACE: "Extracting the surface",
    protocol.Stage.INFLATING: "Inflating the outline",
    protocol.Stage.MOTION: "Finding the motion",
    protocol.Stage.CORRESPONDENCE: "Moving the mesh",
    protocol.Stage.FOLLOWING: "Following the clip",
    protocol.Stage.PAINTING: "Painting the mesh",
    protocol.Stage.RIGGING: "Finding {item} bones",
    protocol.Stage.SAVING: "Saving",
    protocol.Stage.LESS_MEMORY: "Memory ran out: continuing as on a card of {item} GB",
    protocol.Stage.DOWNLOADING: "Downloading",
    protocol.Stage.CHECKING: "Checking {item}",
    protocol.Stage.HALVING: "Making half-precision copies ({item})",
    protocol.Stage.SENDING: "Sending files to {item}",
    protocol.Stage.FETCHING: "Fetching the result from {item}",
    protocol.Stage.WAITING: "Waiting until {item} can be reached again",
}
IN_BYTES = {protocol.Stage.SENDING, protocol.Stage.FETCHING}
"""Stages of a job whose steps are bytes."""


def in_words(notice: protocol.ProgressNotice) -> str:
    """Return what a job or a download is doing, such as "Finding the motion (1 of 2)"."""
    part = f" ({notice.part} of {notice.parts})" if notice.parts > 1 else ""
    return WORDS[notice.stage].format(item=notice.item) + part
