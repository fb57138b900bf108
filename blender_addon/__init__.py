"""ActionMesh for Blender: turn a video into a mesh that moves.

    settings -> panels -> operators -> workflow -> session -> jobs -> process -> protocol
                                       workflow, session -> scene -> motion

Blender data is read and written in `scene`; `motion` uses only NumPy; `jobs` and `process` do not depend on Blender.
Enabling the extension starts nothing: the backend starts with its first job.
"""

from importlib.util import find_spec


def register() -> None:
    """Register the extension; Blender calls this when it is enabled.

    Raises:
        ArtistError: this Blender lacks NumPy, as Debian's does; Blender shows the message.
    """
    if find_spec("numpy") is None:
        from .errors import ArtistError

        cure = "Install it (Debian, Ubuntu: apt-get install python3-numpy), then enable ActionMesh again."
        raise ArtistError("This Blender has no NumPy, which ActionMesh needs.", cure)
    from . import registration

    registration.register()


def unregister() -> None:
    """Unregister the extension and end the backend; Blender calls this when it is disabled."""
    from . import registration

    registration.unregister()
