"""The error that stops a command of `build.py` with a sentence instead of a traceback."""


class BuildError(Exception):
    """A problem that the user can fix, in one or two sentences."""
