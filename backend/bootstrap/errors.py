"""The one error that ends a command of `build.py` with a sentence instead of a traceback."""


class BuildError(Exception):
    """What the person at the keyboard can mend; one or two sentences."""
