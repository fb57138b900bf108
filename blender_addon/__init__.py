"""ActionMesh for Blender: a video becomes a mesh that moves.

    panels -> operators -> again, submission, delivery -> jobs -> client -> protocol
                           again, submission, delivery -> scene -> motion

Blender data is read and written in `scene`; `motion` is numpy alone; `jobs` and `client` know no Blender.
Nothing is started when the extension is enabled: the backend starts with its first job.
"""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends the backend."""
    from . import registration

    registration.unregister()
