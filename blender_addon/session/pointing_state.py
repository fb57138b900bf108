"""What the window of Pick Subject shows, while it is open; there is at most one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..jobs.record import JobError
from ..motion import pointing
from ..motion.pointing import Picks, Place
from ..process.backend_locator import protocol


@dataclass
class Pointing:
    """An artist who points at the subject in one frame of the clip.

    Args:
        scene: name of the scene whose settings are meant.
        clip: its clip, see `thumbnail.clip_key`.
        position: of the frame among the chosen frames.
        is_reference: whether that is the reference frame.
        picks: of all frames, as they would be kept.
        picture: where each look writes its picture, RGBA, of which the alpha is the subject.
        look: asks for the mask of the picks, and drops what was asked before.
        frame: the frame's number in the clip; None until its picture is there.
        size: width and height of the clip's frames in pixels.
        shown: the latest picture.
        is_new: whether the window has not shown it yet.
        is_open: whether its window takes clicks and keys.
        message: what the artist should know, besides the keys.
        box: where a box is being drawn, from pixel to pixel.
        subject: which subject of the clip is pointed at, counted from 0.
        others: the clip's other subjects and their picks, which are shown but stay as they are.
    """

    scene: str
    clip: tuple[Any, ...]
    position: int
    is_reference: bool
    picks: Picks
    picture: Path
    look: Callable[["Pointing"], None]
    frame: int | None = None
    size: tuple[int, int] = (1, 1)
    shown: Path | None = None
    is_new: bool = False
    is_open: bool = False
    message: str = "Reading the frame"
    box: tuple[Place, Place] | None = field(default=None)
    subject: int = 0
    others: tuple[tuple[int, Picks], ...] = ()

    def take(self, seen: protocol.Looked) -> None:
        """Show the picture that was asked for."""
        self.show(seen.frame, (seen.width, seen.height), Path(seen.out))
        self.message = " ".join(seen.notes)

    def show(self, frame: int, size: tuple[int, int], picture: Path) -> None:
        """Show a picture of the frame. Picks of the reference frame are from now on that frame's."""
        if self.frame is None and self.is_reference:
            self.picks = pointing.with_reference(self.picks, frame)
            self.others = tuple((number, pointing.with_reference(picks, frame)) for number, picks in self.others)
        self.frame, self.size, self.shown, self.is_new, self.message = frame, size, picture, True, ""

    def fail(self, error: JobError) -> None:
        self.message = f"{error.problem} {error.cure}".strip()

    def click(self, place: Place, removes: bool, reach: float) -> None:
        """Click at a place in the picture; `reach` in pixels of the clip."""
        if self.frame is not None and pointing.is_inside(place):
            pixel = pointing.in_pixels(place, self.size)
            self._change(pointing.clicked(self.picks, pixel, self.frame, removes, reach))

    def draw_box(self, start: Place, end: Place) -> None:
        """Show the box that a drag would make."""
        self.box = pointing.in_pixels(start, self.size), pointing.in_pixels(end, self.size)

    def end_box(self) -> None:
        """Keep the box that was drawn."""
        if self.frame is not None and self.box is not None:
            self._change(pointing.dragged(self.picks, *self.box, self.frame))
        self.box = None

    def take_back(self) -> None:
        """Remove the last pick of this frame."""
        self._change(pointing.taken_back(self.picks, self.frame))

    def _change(self, picks: Picks) -> None:
        if picks != self.picks:
            self.picks, self.message = picks, "Looking for the subject"
            self.look(self)


current: Pointing | None = None


def begin(pointing: Pointing) -> None:
    global current
    current = pointing


def end() -> None:
    global current
    current = None
