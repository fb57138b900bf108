"""Measure what becomes of meshes that are given in their rest pose, on tracked files with `--faces` and `--rest`.

    python benchmarks/rest_pose.py FOLDER --json FILE [--pictures FOLDER] [--only NAME ...]

Each character is animated twice from its mesh at rest and the clip: with the first frame as reference (`first`), and
with the frame that shows the mesh as it stands (`frame`), or, if none does, bent (`bend`). The vertex error is the mean
distance of all vertices in all frames after the rotation and shift of the whole animation that makes it least; ratios
are to the mesh at rest in all frames. Characters whose rest pose stands as the first frame shows it are named and left
out. Results already in FILE are not measured again.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from actionmesh.animation import Animation  # noqa: E402
from actionmesh.errors import MeshError  # noqa: E402
from actionmesh.evaluation.matches import crops_of  # noqa: E402
from actionmesh.evaluation.tracked_subjects import VIEW, Cast, Character  # noqa: E402
from actionmesh.geometry.mesh import Mesh  # noqa: E402
from actionmesh.matching.standing import Standing  # noqa: E402
from actionmesh.media.clip import Clip  # noqa: E402
from actionmesh.media.render import Camera, render  # noqa: E402
from actionmesh.memory.model import open_model  # noqa: E402
from actionmesh.pipeline import animate_mesh  # noqa: E402
from actionmesh.progress import Progress  # noqa: E402
from actionmesh.protocol import Animate, Facing  # noqa: E402
from actionmesh.stages.match import find_standing  # noqa: E402
from actionmesh.stages.reference_frame import best_frame  # noqa: E402
from actionmesh.stages.run import Run  # noqa: E402
from actionmesh.track_file import read_pictures, read_rest  # noqa: E402
from actionmesh.weights.checkpoints import default_checkpoint  # noqa: E402

SIDE = 256
VIEWS = (Camera(yaw=0.6, pitch=0.15, half_extent=1.2), Camera(yaw=1.57, pitch=0.15, half_extent=1.2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, required=True, help="file for every character's numbers")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each result beside the truth")
    parser.add_argument("--only", nargs="*", default=[], help="characters whose name contains one of these")
    chosen = parser.parse_args()
    cast, model = Cast.of(chosen.folder), open_model(default_checkpoint().path, "cpu")
    done = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for index in range(len(cast)):
        name = cast.names[index]
        if name in done or (chosen.only and not any(part in name for part in chosen.only)):
            continue
        done[name] = measured(cast, index, Run.of(model, Progress()), chosen.pictures)
        print(line(name, done[name]), flush=True)
        chosen.json.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    print(summary(done))


def measured(cast: Cast, index: int, run: Run, pictures: Path | None) -> dict:
    """Return the results of one character by way; empty if its mesh at rest stands as the first frame shows it."""
    character, rest = cast.character(index), read_rest(cast.tracks[index])
    clip = clip_of(read_pictures(cast.tracks[index], VIEW))
    assert clip.crops is not None
    standing = find_standing(rest, character.faces, clip.crops, 0, Facing.AUTO, Progress())
    if standing.agrees:
        return {}
    told: dict = {"still": error(np.repeat(rest[None], len(clip.frames), axis=0), character.vertices)}
    for way, choices in ways(rest, character, clip, standing):
        options = Animate("clip", out=(), mesh="rest", preset="demo", seed=character.seed, **choices)
        try:
            result = animate_mesh(options, run, clip, Mesh(rest, character.faces))
        except MeshError as refused:
            told[way] = {"refused": str(refused)}
            continue
        fit = result.provenance.fit
        told[way] = {
            "error": error(result.vertices, character.vertices),
            "frame": result.provenance.anchor,
            "agreement": fit.agreement,
            "bent": fit.bent,
            "way": str(fit.way),
            "overlap": fit.overlap,
        }
        if pictures is not None:
            draw(pictures / f"{Path(character.name.split(':')[0]).stem}_{way}.png", result, character, clip)
    return told


def ways(rest: np.ndarray, character: Character, clip: Clip, standing: Standing) -> Iterator[tuple[str, dict]]:
    """Yield the ways and their choices: the first frame, then what `posing` would do without a frame and with `bend`.

    Frames are searched here, once, rather than in every job.
    """
    yield "first", {"anchor": 0}
    assert clip.crops is not None
    best = best_frame(rest, character.faces, clip.crops, {0}, Facing.AUTO, Progress())
    if best is not None and best[1].agrees:
        yield "frame", {"anchor": best[0]}
        return
    nearer = best is not None and best[1].view.cost < standing.view.cost
    yield "bend", {"anchor": best[0] if best is not None and nearer else 0, "bend": True}


def clip_of(frames: np.ndarray) -> Clip:
    """Return frames (T, H, W, 4) uint8 as a clip with its subject cut out."""
    total = np.arange(len(frames))
    return Clip(frames, total / 24, total, True, "clip", crops=crops_of(frames))


def error(vertices: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean distance of vertices (T, V, 3) after the best rotation and shift of all of them (Kabsch 1976)."""
    moving, wanted = vertices.reshape(-1, 3).astype(np.float64), truth.reshape(-1, 3).astype(np.float64)
    centre, goal = moving.mean(axis=0), wanted.mean(axis=0)
    left, _, right = np.linalg.svd((wanted - goal).T @ (moving - centre))
    left[:, 2] *= np.sign(np.linalg.det(left @ right))
    return float(np.linalg.norm((moving - centre) @ (left @ right).T + goal - wanted, axis=1).mean())


def draw(path: Path, result: Animation, character: Character, clip: Clip) -> None:
    """Write the first, a middle and the last frame, and beside each the truth and the result from two sides."""
    rows = []
    for frame in (0, len(clip.frames) // 2, len(clip.frames) - 1):
        cells = [cv2.resize(np.asarray(clip.frames[frame])[..., :3], (SIDE, SIDE))]
        for vertices in (character.vertices[frame], result.vertices[frame]):
            centred = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
            clay = np.full((len(centred), 3), 0.7, np.float32)
            cells += [render(centred, character.faces, clay, view, SIDE)[..., :3] for view in VIEWS]
        rows.append(np.hstack(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def line(name: str, told: dict) -> str:
    if not told:
        return f"{name[:40]:40} stands as the first frame shows it"
    parts = [f"{name[:40]:40} still {told['still']:.3f}"]
    for way in ("first", "frame", "bend"):
        found = told.get(way)
        if found and "error" in found:
            bent = "" if found["bent"] is None else f" -> {found['bent']:.2f}"
            ratio = found["error"] / told["still"]
            parts.append(f"{way} {ratio:.2f} (frame {found['frame']}, {found['agreement']:.2f}{bent}, {found['way']})")
        elif found:
            parts.append(f"{way} refused")
    return "  ".join(parts)


def summary(done: dict) -> str:
    """Return the mean ratio over still of the first frame's result, and of the best that can be had, bent or not."""
    told = {name: each for name, each in done.items() if each}
    parts = [f"{len(told)} of {len(done)} characters do not stand as the first frame shows them."]
    for ways in (("first",), ("frame", "first"), ("bend", "frame", "first")):
        ratios = []
        for each in told.values():
            found = next(each[way] for way in ways if "error" in each.get(way, {}))
            ratios.append(found["error"] / each["still"])
        if ratios:
            parts.append(
                f"{ways[0]}: {np.mean(ratios):.3f} of still on average, {np.median(ratios):.3f} in the middle."
            )
    return " ".join(parts)


if __name__ == "__main__":
    main()
