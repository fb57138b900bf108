"""ActionMesh for Blender: a video becomes a mesh that moves.

    panels -> operators -> again, submission, delivery -> jobs -> client -> protocol
                           again, submission, delivery -> scene -> motion

Blender data is read and written in `scene`; `motion` is numpy alone; `jobs` and `client` know no Blender.
Nothing is started when the extension is enabled: the backend starts with its first job.
"""

from importlib.util import find_spec


def register() -> None:
    """Called by Blender when the extension is enabled.

    Raises:
        ArtistError: this Blender lacks NumPy, as Debian's does; Blender shows the sentence.
    """
    if find_spec("numpy") is None:
        from .errors import ArtistError

        cure = "Install it (Debian, Ubuntu: apt-get install python3-numpy), then enable ActionMesh again."
        raise ArtistError("This Blender has no NumPy, which ActionMesh needs.", cure)
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends the backend."""
    from . import registration

    registration.unregister()
