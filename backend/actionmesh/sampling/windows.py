"""Which frames are generated together: windows that slide outward from the anchor frame.

Every window overlaps the frames already known by `size - slide`, and is conditioned on all of them.
"""

from ..errors import InputError
from ..frame_numbers import number_of


def sliding_windows(total: int, anchor: int, size: int, slide: int) -> list[list[int]]:
    """Return the frame indices of each window, in the order of generation.

    The first index of the first window is the anchor. The longer side of the anchor is generated first. A window
    that would run over the clip's end is moved back inside, where it overlaps more known frames.

    Args:
        total: frames in the clip.
        anchor: the frame whose shape is known.
        size: frames in a window.
        slide: frames from one window's start to the next one's.
    Raises:
        InputError: the anchor is outside the clip, or the numbers leave a window without a known frame.
    """
    if not 0 <= anchor < total:
        raise InputError(
            f"The reference frame is {number_of(anchor)}, but the clip has {total} frames.",
            f"Choose one from {number_of(0)} to {number_of(total - 1)}.",
        )
    if not 1 <= slide < size:
        raise InputError(f"Windows of {size} frames cannot slide by {slide}.", f"Slide by 1 to {size - 1} frames.")
    if total <= size:
        return [[anchor, *(frame for frame in range(total) if frame != anchor)]]
    overlap = size - slide
    if total - anchor >= anchor:
        known = max(min(anchor + overlap, total), size) - 1
        windows = _spans(anchor, total - 1, size, slide)
        return windows + _backward(_spans(0, known, size, slide)) if anchor > 0 else windows
    known = min(max(anchor + 1 - overlap, 0), total - size)
    windows = _backward(_spans(0, anchor, size, slide))
    return windows + _spans(known, total - 1, size, slide) if anchor < total - 1 else windows


def _spans(first: int, last: int, size: int, slide: int) -> list[list[int]]:
    """Return rising windows over first..last.

    The last one is moved back to end at `last`. A span under `size` is one window.
    """
    begins = list(range(first, max(first, last - size + 1), slide)) + [max(first, last - size + 1)]
    return [list(range(begin, min(begin + size, last + 1))) for begin in begins]


def _backward(windows: list[list[int]]) -> list[list[int]]:
    """Return the same windows in falling order."""
    return [window[::-1] for window in windows[::-1]]
