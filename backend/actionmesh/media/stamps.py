"""Time stamps of a video's frames where the file does not give them all, or starts them anew."""


def in_order_of_file(order: list[int | None], frames: int) -> list[int | None]:
    """The stamps of so many frames: decoders give them out as steadily as packets come in."""
    known = sorted({stamp for stamp in order if stamp is not None})
    return [*known[:frames], *[None] * (frames - len(known))]


def rising(stamps: list[int | None], step: int) -> list[int]:
    """Stamps of which each missing one, and each that is not later than the one before, is a step after that."""
    first = next((place for place, stamp in enumerate(stamps) if stamp is not None), None)
    before = -step if first is None else (stamps[first] or 0) - (first + 1) * step
    result, offset = [], 0
    for stamp in stamps:
        shown = before + step if stamp is None else stamp + offset
        if shown <= before:
            shown = before + step
            offset = shown - (stamp or 0)
        result.append(shown)
        before = shown
    return result
