"""The text that a video model reads: what the artist says, and how a clip has to look so that it can be animated."""

from collections.abc import Callable

LOOK = (
    "A still camera shows all of one subject in the middle of the picture, with room around it, on a plain, empty "
    "{background} background, in even light without shadows: {prompt}"
)
UNWANTED = (
    "moving camera, zoom, pan, cut, close-up, cropped, leaving the picture, second subject, scenery, ground, horizon, "
    "shadow, text, watermark, blur, still picture"
)
"""What a clip must not show."""


def full_prompt(prompt: str, background: str) -> str:
    """Return the text for the model; the look comes first, because models cut off the end of a text that is too long.

    Args:
        prompt: what the subject is and does, in any language.
        background: its colour in words.
    """
    return LOOK.format(background=background, prompt=" ".join(prompt.split()))


def is_cut_off(text: str, tokens: int, tokenize: Callable[[str], list[int]]) -> bool:
    """Return whether a text has more tokens than the model reads."""
    return len(tokenize(text)) > tokens
