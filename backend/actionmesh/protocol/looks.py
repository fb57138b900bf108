"""Looks at the subject of a clip, in one frame or along all of them; they change nothing."""

from dataclasses import KW_ONLY, dataclass

from .job import Source


@dataclass(frozen=True)
class Look(Source):
    """Show the subject of the reference frame as an `animate` request with these fields would cut it out.

    Args:
        out: a .png file to write: the whole frame, RGBA, transparent outside the subject.
        size: upper limit of its longest side, in pixels; a frame is never enlarged.
        to_point_at: the picture keeps the frame's own colours everywhere; if no subject is found, it is transparent and
            the notes say why.
    """

    METHOD = "look"
    out: str
    _: KW_ONLY
    size: int = 256
    to_point_at: bool = False


@dataclass(frozen=True)
class Track(Source):
    """Find the subject in all chosen frames, and keep its masks beside the first picture, as `animate` does.

    Args:
        out: .png files to write: as many of the frames, spread evenly over those chosen, each as a look to point at.
        size: see `Look`.
    """

    METHOD = "track"
    out: tuple[str, ...]
    _: KW_ONLY
    size: int = 256
