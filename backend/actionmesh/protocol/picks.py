"""What an artist pointed at in a clip: points and boxes that say what the subject is."""

from dataclasses import dataclass, field

from .limits import MOST_FRAMES, Checked, Fault, Number, Several, Whole, within

MOST_SIDE = 1_000_000
MOST_PICKS = 1000
FRAME = Whole("frame of a point or box", 0, MOST_FRAMES, "; frames count from 0")


def _pixel(what: str) -> Number:
    return Number(what, 0, MOST_SIDE, "number of pixels")


@dataclass(frozen=True)
class Spot(Checked):
    """A point of a frame.

    Args:
        x, y: pixels of the clip's own frames from their top left corner.
        frame: the frame's number in the clip, counted from 0; None is the reference frame.
    """

    x: float = field(metadata=within(_pixel("point's column")))
    y: float = field(metadata=within(_pixel("point's row")))
    frame: int | None = field(default=None, metadata=within(FRAME))


@dataclass(frozen=True)
class Area(Checked):
    """A box of a frame, in the same pixels; `frame` as for a point."""

    left: float = field(metadata=within(_pixel("box's left side")))
    top: float = field(metadata=within(_pixel("box's top")))
    right: float = field(metadata=within(_pixel("box's right side")))
    bottom: float = field(metadata=within(_pixel("box's bottom")))
    frame: int | None = field(default=None, metadata=within(FRAME))

    def fault(self) -> Fault | None:
        if found := super().fault():
            return found
        if self.right <= self.left or self.bottom <= self.top:
            sides = f"{self.left:g},{self.top:g} to {self.right:g},{self.bottom:g}"
            return Fault(f"The box from {sides} is empty.", "Give its top left corner, then its bottom right one.")
        return None


@dataclass(frozen=True)
class Picks(Checked):
    """What was pointed at of one subject; a job has one. Empty picks leave the choice to the program.

    Args:
        point: points of the subject.
        not_point: points that are not the subject.
        box: boxes that hold the whole subject, at most one in a frame.
    """

    point: tuple[Spot, ...] = field(default=(), metadata=within(Several("points", MOST_PICKS)))
    not_point: tuple[Spot, ...] = field(default=(), metadata=within(Several("points outside the subject", MOST_PICKS)))
    box: tuple[Area, ...] = field(default=(), metadata=within(Several("boxes", MOST_PICKS)))

    def __bool__(self) -> bool:
        return bool(self.point or self.not_point or self.box)

    def fault(self) -> Fault | None:
        if found := super().fault():
            return found
        frames = [box.frame for box in self.box]
        if len(set(frames)) < len(frames):
            return Fault("A frame has two boxes.", "Give at most one box for each frame.")
        if self.not_point and not (self.point or self.box):
            cure = "Point at the subject too, or draw a box around it."
            return Fault("Only points outside the subject are given.", cure)
        return None
