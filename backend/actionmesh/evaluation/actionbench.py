"""ActionBench (ActionMesh, section 4): CD-3D, CD-4D and CD-M of predicted animations.

    TRUTH/<uid>/surfaces.npy          (T, V, 6): V tracked points and their normals in T frames
    PREDICTIONS/<uid>/mesh_*.glb      a mesh for every frame, ordered by the number in its name; or
    PREDICTIONS/<uid>.safetensors     an animation of this project, also as the one such file in PREDICTIONS/<uid>

A scene whose row is in the CSV is not measured again. A scene that fails is reported in a sentence, counted, and tried
again next time; the other scenes are still measured.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..animation import Animation
from ..errors import InputError
from ..files.atomic import write_text
from ..geometry.mesh import Mesh
from ..geometry.mesh_files import load_mesh
from .alignment import PUBLISHED, AlignmentSettings
from .measures import SurfacePoints, distances, points_of_meshes, points_of_motion
from .over_still import mean
from .results_file import ResultsFile, Row

SAMPLED = 100_000
MESH_NAME = re.compile(r"mesh_(\d+)\.glb")


@dataclass(frozen=True)
class BenchSettings:
    """How scenes are measured: points of each cloud for Chamfer distances, and the alignment."""

    points: int = 10_000
    alignment: AlignmentSettings = PUBLISHED

    def __str__(self) -> str:
        ours, pruning = self.alignment, self.alignment.pruning
        start = (
            f"{ours.starts} starts, best {pruning.keep} of {pruning.points} points"
            if pruning
            else f"{ours.starts} starts"
        )
        after = f" after {pruning.steps} steps" if pruning else ""
        return (
            f"{self.points} points; alignment of {ours.points} points in {ours.steps} steps of {ours.rate}; "
            f"{start}{after}"
        )


def evaluate(
    truth: Path,
    predictions: Path,
    output: Path,
    settings: BenchSettings | None = None,
    device: str | torch.device = "cpu",
) -> dict:
    """Measure every scene of `truth` and return the summary.

    Rows go to `output` (.csv), and the summary to a .json file next to it.

    Raises:
        InputError: a folder is missing or has no scene, or `output` holds something else.
        OutputError: the results cannot be written.
    """
    settings = settings or BenchSettings()
    scenes, results, failures = scenes_of(truth, predictions), ResultsFile(output, str(settings)), {}
    for uid in tqdm([uid for uid in scenes if uid not in results.rows], "scenes", disable=None):
        try:
            results.append(measure(uid, truth, predictions, settings, device))
        except InputError as error:
            failures[uid] = str(error)
    summary = summarise([results.rows[uid] for uid in scenes if uid in results.rows], failures, str(settings))
    write_text(output.with_suffix(".json"), json.dumps(summary, indent=2) + "\n")
    return summary


def scenes_of(truth: Path, predictions: Path) -> list[str]:
    """Return the names of all scenes, sorted."""
    for folder in (truth, predictions):
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder.", "Choose the folder that has a subfolder for each scene.")
    scenes = sorted(path.parent.name for path in truth.glob("*/surfaces.npy"))
    if not scenes:
        raise InputError(
            f"{truth} has no scene, such as {truth}/UID/surfaces.npy.", "Choose the folder of the ground truth."
        )
    return scenes


def measure(uid: str, truth: Path, predictions: Path, settings: BenchSettings, device: str | torch.device) -> Row:
    """Measure one scene.

    Raises:
        InputError: truth or prediction is missing, damaged, or of another number of frames.
    """
    surfaces = read_surfaces(truth / uid / "surfaces.npy")
    predicted = read_prediction(uid, predictions, len(surfaces))
    kept = np.random.default_rng(0).permutation(surfaces.shape[1])[: settings.points]
    first = predicted.points[:, : settings.points]
    found = distances(first, surfaces[:, kept, :3], settings.alignment, predicted.tracked, device=device)
    return Row(uid, **asdict(found))


def read_surfaces(path: Path) -> np.ndarray:
    """Read points and normals (T, V, 6) float32."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an array.", "Download it again.") from error
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != 3
        or array.shape[2] != 6
        or 0 in array.shape
        or array.dtype.kind != "f"
    ):
        raise InputError(f"{path} is not an array of (frames, points, 6) real numbers.", "Download it again.")
    if not np.isfinite(array).all():
        raise InputError(f"{path} has values that are not numbers.", "Download it again.")
    return array.astype(np.float32)


def read_prediction(uid: str, predictions: Path, frames: int) -> SurfacePoints:
    """Read a prediction as SAMPLED points on every frame's surface."""
    animations = [predictions / f"{uid}.safetensors", *sorted((predictions / uid).glob("*.safetensors"))]
    found = [path for path in animations if path.is_file()]
    meshes = mesh_paths(predictions / uid)
    if len(found) + bool(meshes) != 1:
        what = "several predictions" if found else "no prediction"
        raise InputError(f"{predictions} has {what} of scene {uid}.", "Keep either its mesh_*.glb or one .safetensors.")
    if found:
        animation = Animation.load(found[0])
        shown = animation.vertices[animation.frame_indices >= 0]
        _require_frames(found[0], len(shown), frames)
        for pose in shown:
            Mesh(pose, animation.faces, found[0])
        return points_of_motion(shown, animation.faces, SAMPLED, 0)
    _require_frames(predictions / uid, len(meshes), frames)
    return points_of_meshes([load_mesh(path, np.zeros(3)) for path in meshes], SAMPLED, 0)


def mesh_paths(folder: Path) -> list[Path]:
    """Return the meshes of a folder, ordered by the number in their names."""
    numbered = [
        (int(match[1]), path) for path in folder.glob("mesh_*.glb") if (match := MESH_NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(numbered)]


def _require_frames(path: Path, found: int, wanted: int) -> None:
    if found != wanted:
        raise InputError(
            f"{path} has {found} frames, the ground truth has {wanted}.", "Predict every frame of the clip."
        )


def summarise(rows: list[Row], failures: dict[str, str], settings: str) -> dict:
    """Return means over the measured scenes, and a sentence for each scene that failed."""
    return {
        "scenes": len(rows) + len(failures),
        "measured": len(rows),
        "failed": len(failures),
        **{name: mean(getattr(row, name) for row in rows) for name in ("cd_3d", "cd_4d", "cd_m")},
        "without_cd_m": sum(row.cd_m is None for row in rows),
        "settings": settings,
        "failures": failures,
    }
