"""Check a job's outputs before any work, and write all of them at its end.

If one result cannot be written, the others are still written, and the animation is kept elsewhere.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ActionMeshError, Cancelled, InputError, OutputError
from .failures import explain
from .job_inputs import inputs_of
from .progress import Progress
from .protocol import Animate, Generate, ResultFormat, Stage

if TYPE_CHECKING:
    from .animation import Animation
    from .media.clip import Clip

MOST_OUTPUTS = 100
KEPT = "actionmesh-kept"
ARRAYS = (ResultFormat.ARRAYS, ResultFormat.NUMPY_ARRAYS)
log = logging.getLogger(__name__)


def check_outputs(job: Animate, also: Iterable[Path] = ()) -> None:
    """Check, before any work is done, that every file of `job.out` can be written and replaces nothing that is needed.

    Args:
        also: additional files that the job reads.
    Raises:
        InputError: there are no outputs, one has an unknown format, would replace an input, or collides with another.
        OutputError: a place is not writable.
        MediaError: a folder or a pattern holds no pictures.
    """
    _refuse_number(job.out)
    made = (job.clip,) if isinstance(job, Generate) else ()
    check_places((*job.out, *made), [*inputs_of(job), *also])


def check_places(out: tuple[str, ...], inputs: list[Path]) -> None:
    """Check that every file of `out` can be written, and replaces neither an input nor another output.

    Raises:
        InputError, OutputError: see `check_outputs`.
    """
    from .output.writers import check_output

    _refuse_number(out)
    for name in out:
        check_output(name)
    _refuse_meeting(out)
    _refuse_replacing(out, inputs)


def _refuse_number(out: tuple[str, ...]) -> None:
    if not out:
        raise InputError("The job names no file to write.", "Name at least one, such as animated.glb.")
    if len(out) > MOST_OUTPUTS:
        raise InputError(f"The job names {len(out)} files to write.", f"Name at most {MOST_OUTPUTS}.")


def _refuse_meeting(out: tuple[str, ...]) -> None:
    """Raise InputError if two results have the same place, on any system, or one lies inside the other."""
    from .files.places import same_place

    places: dict[str, str] = {}
    for name in out:
        place = same_place(name)
        if place in places:
            problem = f"{name} has the same place as another output, {places[place]}."
            raise InputError(problem, "Name each output once; a difference in upper and lower case is not enough.")
        places[place] = name
    for place, name in places.items():
        if any(str(parent) in places for parent in Path(place).parents):
            raise InputError(
                f"{name} has the same place as another output.", "Name each output once, none inside another."
            )


def _refuse_replacing(out: tuple[str, ...], inputs: list[Path]) -> None:
    for name, lost in replaced_inputs(out, inputs):
        raise InputError(f"Writing {name} would overwrite the input {lost}.", "Choose another name for the output.")


def replaced_inputs(out: Iterable[str], inputs: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yield each result that is an input, or a folder that holds one, by any name or link, and that input."""
    from .files.places import same_place

    known = {identity: path for path in inputs if (identity := _identity(path)) is not None}
    holding = {os.path.dirname(os.path.realpath(path)): path for path in known.values()}
    folders = {
        same_place(parent): path for folder, path in holding.items() for parent in (Path(folder), *Path(folder).parents)
    }
    for name in out:
        identity = _identity(Path(name))
        lost = None if identity is None else known.get(identity) or folders.get(same_place(name))
        if lost is not None:
            yield name, lost


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what all names and links of a file or folder share; None if it does not exist."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def save_all(
    animation: "Animation",
    out: tuple[str, ...],
    mesh: Path | None,
    subject: "Clip",
    progress: Progress,
    quantise: float | None = None,
) -> None:
    """Write every result; if one cannot be written, the others still are, and the animation is kept.

    Args:
        quantise: for a .glb, see `output.gltf.write_animated_glb`.
    Raises:
        OutputError: names what could not be written, and where the animation is kept.
        Cancelled: the user asked to stop; the results that were written stay.
    """
    from .output.writers import save_animation

    require_finite_result(animation)
    failed: dict[str, Exception] = {}
    for path in progress.track(out, Stage.SAVING):
        try:
            save_animation(animation, path, mesh, subject.frames, subject.crops, quantise)
        except Cancelled:
            raise
        except Exception as error:
            log.warning("%s was not written", path, exc_info=not isinstance(error, ActionMeshError))
            failed[path] = error
    if failed:
        raise _unsaved(animation, out, failed)


def require_finite_result(animation: "Animation") -> None:
    """Raise InputError if a number of the result is not finite, because no program could show it."""
    fit = animation.provenance.fit
    camera = [] if fit.camera is None else [*fit.camera.matrix, fit.camera.focal or 0.0, fit.camera.pixel or 0.0]
    numbers = {
        "vertices": animation.vertices,
        "poses before the match": animation.unmatched,
        "times": animation.times,
        "camera": camera,
        "fit to the clip": [fit.agreement or 0.0, fit.overlap or 0.0, fit.facing, fit.doubt or 0.0],
        "texture coordinates": None if animation.appearance is None else animation.appearance.corner_uv,
    }
    for name, values in numbers.items():
        if values is not None and not is_finite(values):
            cure = "Choose another reference frame, or check the size and place of the mesh."
            raise InputError(f"The {name} of the result are not all finite numbers, so nothing was written.", cure)


def is_finite(values: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(values).all())


def _unsaved(animation: "Animation", out: tuple[str, ...], failed: dict[str, Exception]) -> ActionMeshError:
    """Save the animation somewhere safe, and return the error that says what was not written."""
    path, error = next(iter(failed.items()))
    told = explain(error)
    problem = told.problem if isinstance(error, ActionMeshError) else f"{path} could not be written: {told.problem}"
    written = [name for name in out if name not in failed]
    kept = next((name for name in written if name.lower().endswith(ARRAYS)), None) or _keep(animation, path)
    others = f" The other results were written: {', '.join(written)}." if written else ""
    safe = f" The animation itself is not lost; it is in {kept}." if kept else ""
    kind = type(error) if isinstance(error, OutputError | InputError) else OutputError
    return kind(f"{problem}{others}{safe}", told.cure)


def _keep(animation: "Animation", path: str) -> str | None:
    """Write the animation to the user's temporary folder; return its path, or None if that fails too."""
    name = f"{Path(path).stem[:50]}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}{ResultFormat.ARRAYS}"
    kept = Path(tempfile.gettempdir()) / KEPT / name
    try:
        animation.save(kept)
    except Exception:
        log.exception("The animation could not be kept in %s", kept)
        return None
    return str(kept)
