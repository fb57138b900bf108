"""Stage 0 from a picture. The mesh is cleaned up while Stage I runs, which needs only the latent.

The surface itself is found before Stage I, so that a picture without a shape is reported at once.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from torch import Tensor

from ..errors import ActionMeshError, Cancelled
from ..geometry.cleanup import clean_up
from ..geometry.mesh import Mesh
from ..presets import Preset
from ..progress import Progress
from .reference import Reference, decode_surface, latent_from_picture, reference_in_model_space
from .run import Run


class PendingReference:
    """A reference whose latent is ready, and whose mesh a thread may still be finishing.

    Leaving its context stops an unfinished thread and waits for it.

    Args:
        latent: (N, D) float32 as the denoisers see it.
        finish: makes the reference; it must call its argument now and then, and let exceptions from it pass.
        progress: asked whether to stop. The thread reports nothing to it.
    """

    def __init__(self, latent: Tensor, finish: Callable[[Callable[[], None]], Reference], progress: Progress):
        self.latent = latent
        self._left, self._progress = Event(), progress
        self._thread = ThreadPoolExecutor(1, "reference")
        self._reference: Future[Reference] = self._thread.submit(finish, self._check_wanted)

    def ready(self) -> Reference:
        """Wait for the mesh.

        Raises:
            MeshError: the mesh is empty after cleaning up.
            Cancelled: the user asked to stop.
        """
        return self._reference.result()

    def check(self) -> None:
        """Raise what `ready` will raise, if that is already known.

        Bugs and out-of-memory errors are left to `ready`: the stage that checks has not run out of memory itself.

        Raises:
            MeshError, Cancelled: see `ready`.
        """
        if self._reference.done() and isinstance(self._reference.exception(), ActionMeshError):
            self._reference.result()

    def __enter__(self) -> "PendingReference":
        return self

    def __exit__(self, *error: object) -> None:
        self._left.set()
        self._thread.shutdown()

    def _check_wanted(self) -> None:
        self._progress.check()
        if self._left.is_set():
            raise Cancelled()


class ReadyReference(PendingReference):
    """A reference that is already complete, without a thread."""

    def __init__(self, reference: Reference):
        self.latent, self._reference = reference.latent, Future()
        self._reference.set_result(reference)

    def __exit__(self, *error: object) -> None:
        pass


def reference_from_picture(run: Run, context: Tensor, preset: Preset, seed: int) -> PendingReference:
    """Make a reference from the image tokens (S, C) of the anchor frame.

    It has a latent, and the mesh that the VAE decodes from it.

    Raises:
        MeshError: the picture gave no surface.
    """
    latent = latent_from_picture(run, context, preset, seed)
    surface = decode_surface(run, latent, preset)

    def finish(check: Callable[[], None]) -> Reference:
        mesh = Mesh(*clean_up(*surface, preset.max_faces, preset.smallest_part, check=check))
        return reference_in_model_space(latent, mesh)

    return PendingReference(latent, finish, run.progress)
