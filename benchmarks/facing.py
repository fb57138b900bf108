"""Measure how well facing and camera are found, on tracked files seen from random sides.

    python benchmarks/facing.py FOLDER [--json FILE]

FOLDER holds files that `blender_addon/dataset.py ... --faces --turned` wrote. Every character is tested twice: in the
pose of the first frame, where its view must be found; and in the pose that differs most from it, where the difference
must be noticed, unless the view is right anyway. A view is right within RIGHT degrees of the true one.
"""

import argparse
import json
import os
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

import numpy as np  # noqa: E402

from actionmesh.evaluation.matches import crops_of  # noqa: E402
from actionmesh.evaluation.tracked_subjects import VIEW, Cast  # noqa: E402
from actionmesh.matching.standing import Standing  # noqa: E402
from actionmesh.media.subject_crops import SubjectCrops  # noqa: E402
from actionmesh.progress import Progress  # noqa: E402
from actionmesh.protocol import Facing  # noqa: E402
from actionmesh.stages.match import find_standing  # noqa: E402
from actionmesh.track_file import read_pictures  # noqa: E402

RIGHT = 20.0
LEAST_CHANGE = 0.1
"""Mean displacement of the vertices, as a share of the size, from which a pose counts as different."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, help="file for every character's numbers")
    chosen = parser.parse_args()
    cast = Cast.of(chosen.folder)
    found = []
    for index in range(len(cast)):
        found.append(measured(cast, index))
        print(line(found[-1]), flush=True)
    print(summary(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(cast: Cast, index: int) -> dict:
    """Return the results of one character, in its first pose and in the pose that differs most from it."""
    character = cast.character(index)
    crops = crops_of(read_pictures(cast.tracks[index], VIEW))
    moved = np.linalg.norm(character.vertices - character.vertices[0], axis=-1).mean(axis=1)
    other = int(moved.argmax())
    size = float(np.ptp(character.vertices[0], axis=0).max())
    told = {
        "file": character.name,
        "first_pose": view_of(character.vertices[0], character.faces, crops, character.back),
    }
    if moved[other] >= LEAST_CHANGE * size:
        told["other_pose"] = view_of(character.vertices[other], character.faces, crops, character.back)
    return told


def view_of(vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, back: np.ndarray) -> dict:
    """Return the error of the view found for a mesh, in degrees; `back` (3,) is the true direction to the camera."""
    standing = find_standing(vertices, faces, crops, 0, Facing.AUTO, Progress())
    seen = direction(standing)
    yaw = np.degrees(np.arctan2(seen[0], seen[2]) - np.arctan2(back[0], back[2]))
    pitch = np.degrees(np.arcsin(seen[1]) - np.arcsin(np.clip(back[1], -1, 1)))
    return {
        "yaw": float(abs((yaw + 180) % 360 - 180)),
        "pitch": float(abs(pitch)),
        "degrees": float(np.degrees(np.arccos(np.clip(seen @ back, -1, 1)))),
        "agrees": bool(standing.agrees),
        "doubtful": standing.doubtful,
        "overlap": standing.view.overlap,
        "cost": standing.view.cost,
    }


def direction(standing: Standing) -> np.ndarray:
    """Return the unit vector (3,) from a mesh, in its own coordinates, to the camera found for it."""
    axes = standing.view.camera.axes
    return (axes if standing.turn is None else axes @ standing.turn)[2]


def line(found: dict) -> str:
    parts = [f"{found['file']:<40}"]
    for name in ("first_pose", "other_pose"):
        if name in found:
            view = found[name]
            word = "agrees" if view["agrees"] else "warned"
            doubt = "" if view["doubtful"] is None else " doubtful"
            parts.append(
                f"{name} {view['degrees']:5.1f} degrees, {word}{doubt} ({view['overlap']:.3f}, {view['cost']:.2f})"
            )
    return "  ".join(parts)


def summary(found: list[dict]) -> str:
    """Return how many views are right, how exact these are, and how many wrong ones have no warning."""
    first = [each["first_pose"] for each in found]
    right = [view for view in first if view["degrees"] < RIGHT]
    wrong = [view for view in first if view["degrees"] >= RIGHT]
    others = [each["other_pose"] for each in found if "other_pose" in each]
    warned = [view for view in others if not view["agrees"]]
    silent = [view for view in others if view["agrees"] and view["degrees"] >= RIGHT]
    yaw, pitch = (float(np.median([view[name] for view in right])) for name in ("yaw", "pitch"))
    told = [view for view in wrong if not view["agrees"] or view["doubtful"] is not None]
    return (
        f"First pose: {len(right)} of {len(first)} right, yaw {yaw:.2f} and pitch {pitch:.2f} degrees off (median); "
        f"{len(told)} of {len(wrong)} wrong ones with a warning.\n"
        f"Other pose: {len(warned)} of {len(others)} warned, {len(silent)} wrong without a warning."
    )


if __name__ == "__main__":
    main()
