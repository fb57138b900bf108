"""Toybench: measure a checkpoint on unseen procedural sequences with exact truth, and on outsiders, in two tasks.

    mesh + video    from the true mesh of frame 0 and the clip to the vertices over time. Measured without alignment.
    video           from the clip alone to a moving mesh. Measured under ActionBench's alignment, cheaper (`ALIGNMENT`).

Each task is done by the whole method and with a part left out (`variants`). A row with a separate mesh for each frame
has no CD-M, because points do not correspond between frames. Ablation switches are tried only on the first toys.
Shapes are always the networks', except in the row of relief.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..errors import InputError, MeshError
from ..geometry.mesh import Mesh
from ..geometry.surface import sample_surface
from ..matching.silhouette import overlap
from ..memory.model import Model
from .alignment import AlignmentSettings, Pruning
from .baselines import RELIEF, Library, relief
from .kept_records import KeptRecords, digest_of_weights
from .matches import as_animated, match_rows
from .measures import chamfer_distance, distances, points_of_meshes, points_of_motion, split_error, vertex_error
from .subjects import FRAMES, POINTS, QUERIES, Subject, mesh_of, outsiders, toys
from .toybench_summary import SHAPE, summary_of
from .variants import FULL, MESH_AND_VIDEO, VIDEO, Answer, Task, Variant, variants_of

ALIGNMENT = AlignmentSettings(points=256, steps=60, rate=0.03, pruning=Pruning(points=96, steps=20, keep=2))
IOU_QUERIES = 20_000
KEY = ("set", "template", "seed", "task", "row")

Look = Callable[[], Subject]
"""Makes a sequence and its subject when needed."""


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Args:
        toys, outsiders: number of sequences in each set.
        ablations: number of toys on which the ablation's switches are tried.
        retrieved: number of training toys that are searched for the nearest picture; 0 leaves that out.
        frames: frames for Chamfer distances, and for the meshes of rows without correspondence; the first must be 0.
    """

    toys: int = 64
    outsiders: int = 16
    ablations: int = 12
    retrieved: int = 512
    frames: tuple[int, ...] = (0, 8, 15)

    def __post_init__(self) -> None:
        counts = (self.toys, self.outsiders, self.ablations, self.retrieved)
        if min(counts) < 0 or 1 in counts[:2] or not any(counts[:2]):
            found = (
                f"Toybench cannot measure {self.toys} toys and {self.outsiders} outsiders, {self.ablations} ablated."
            )
            raise InputError(found, "Use at least 2 of each set, or none of one set.")
        if self.frames[:1] != (0,) or not all(0 <= frame < FRAMES for frame in self.frames):
            raise InputError(f"Toybench cannot measure at frames {self.frames}.", f"Start with 0; stay below {FRAMES}.")

    def as_json(self) -> dict:
        """Return a dictionary that a JSON file preserves unchanged."""
        return {**asdict(self), "frames": list(self.frames)}


def evaluate(model: Model, preset_name: str, extent: Extent, output: Path, again: Sequence[str] = ()) -> dict:
    """Measure every sequence and return the results, which go to `output` (.json) as they are made.

    Args:
        again: rows to measure again.
    Raises:
        InputError: there is no such preset or row, or `output` holds something else.
        OutputError: the results cannot be written.
    """
    model.facts.preset(preset_name)
    run = {"preset": preset_name, "weights": digest_of_weights(model.facts.checkpoint.path), "extent": extent.as_json()}
    kept = KeptRecords(output, run, KEY, "Toybench")
    kept.forget_rows(again, known_rows())
    library = cache(lambda: Library.of(extent.retrieved) if extent.retrieved else None)
    results: dict = {}
    for plan in (toys(extent.toys), outsiders(extent.outsiders)):
        look = lru_cache(maxsize=2)(partial(plan.subject, model=model, preset_name=preset_name))
        for index, (template, seed) in enumerate(tqdm(plan.members, plan.name, disable=None)):
            member = {"set": plan.name, "template": template, "seed": seed}
            ablated = plan.name == "toys" and index < extent.ablations
            subject, other = partial(look, index), partial(look, index - 1 if index else len(plan.members) - 1)
            for task, row, answer in answers(subject, other, extent.frames, ablated, library):
                kept.keep({**member, "task": task, "row": row}, answer)
            kept.forget(partial(is_of, member))
            results = kept.write(results_of(model, kept.records))
    return results


def is_of(member: dict, record: dict) -> bool:
    """Return whether a record belongs to a sequence."""
    return member.items() <= record.items()


def answers(
    subject: Look, other: Look, frames: tuple[int, ...], ablated: bool, library: Callable[[], Library | None]
) -> Iterator[tuple[str, str, Callable[[], dict]]]:
    """Yield the task and row of everything measured for a sequence, with the function that measures it.

    Args:
        other: the sequence before, for its frames and its shape.
        frames: see `Extent`; ablated: whether to try switches too.
    """
    yield SHAPE, FULL, lambda: measure_shape(subject(), other(), library())
    for task in (MESH_AND_VIDEO, VIDEO):
        for row, variant in rows_of(task, other, frames, ablated).items():
            yield task.name, row, partial(measure_row, subject, task, variant, frames)


def rows_of(task: Task, other: Look, frames: tuple[int, ...], ablated: bool) -> dict[str, Variant]:
    """Return the rows of a task by name: those of the networks, and those of match or relief."""
    rows = variants_of(task, other, frames, ablated)
    return {**rows, FULL: as_animated, **(match_rows() if task.given_mesh else {RELIEF: relief})}


def known_rows() -> set[str]:
    """Return the names of all rows."""
    return {row for task in (MESH_AND_VIDEO, VIDEO) for row in rows_of(task, _nobody, (0,), True)}


def _nobody() -> Subject:
    raise AssertionError("only the names are needed")


def measure_row(look: Look, task: Task, variant: Variant, frames: tuple[int, ...]) -> dict:
    """Measure the distances of one answer."""
    subject = look()
    return measured(variant(subject, task), subject, task, frames)


def results_of(model: Model, records: list[dict]) -> dict:
    """Return a summary of each set that has records."""
    names = dict.fromkeys(record["set"] for record in records)
    sets = {name: summary_of([record for record in records if record["set"] == name]) for name in names}
    return {"checkpoint": model.facts.checkpoint.name, "sets": sets}


def measured(answer: Answer, subject: Subject, task: Task, frames: tuple[int, ...]) -> dict:
    """Return CD-3D, CD-4D and CD-M (None without correspondence), plus vertex errors if the mesh is given."""
    alignment = None if task.given_mesh else ALIGNMENT
    if answer.meshes is not None:
        drawn = points_of_meshes(answer.meshes, POINTS, 0)
        return asdict(distances(drawn.points, subject.truth[list(frames)], alignment, drawn.tracked, queries=QUERIES))
    assert answer.vertices is not None and answer.faces is not None
    followed = points_of_motion(answer.vertices, answer.faces, POINTS, 0).points
    found = asdict(distances(followed, subject.truth, alignment, frames=frames, queries=QUERIES))
    if not task.given_mesh:
        return found
    truth = subject.toy.vertices
    parts = split_error(answer.vertices, truth, subject.back)
    return {**found, "vertex_error": vertex_error(answer.vertices, truth), **parts}


def measure_shape(subject: Subject, other: Subject, library: Library | None) -> dict:
    """Measure the shape VAE and image-to-3D on frame 0, without alignment; None where there is no surface."""
    return {
        "iou": reconstruction_iou(subject, lambda points: subject.toy.body.signed_distance(points, 0).numpy() < 0),
        **shape_distances(subject, other),
        "chamfer_retrieved": library and library.chamfer(subject.picture, subject.truth[0]),
    }


def shape_distances(subject: Subject, other: Subject) -> dict[str, float | None]:
    """Return Chamfer distances to frame 0's shape: of the VAE's shape, of image-to-3D's, and of another subject's."""
    truth = subject.truth[0]
    return {
        "chamfer_vae": _chamfer(lambda: mesh_of(subject.given.latent, subject.run), truth),
        "chamfer_image": _chamfer(lambda: subject.drawn.mesh, truth),
        "chamfer_random": chamfer_distance(other.truth[0], truth, QUERIES),
    }


@torch.no_grad()
def reconstruction_iou(subject: Subject, is_inside: Callable[[torch.Tensor], np.ndarray]) -> float:
    """Return the volume IoU of the VAE's field and the true body in the first frame's box, padded by a tenth.

    Args:
        is_inside: returns which points (Q, 3) float32 the body of frame 0 holds, (Q,) bool.
    """
    toy, run = subject.toy, subject.run
    device = run.runtime.device
    low, high = toy.vertices[0].min(0), toy.vertices[0].max(0)
    pad = 0.1 * (high - low).max()
    rng = np.random.default_rng(toy.seed)
    queries = torch.from_numpy(rng.uniform(low - pad, high + pad, (IOU_QUERIES, 3)).astype(np.float32))
    context = run.networks.shape_vae.prepare(run.facts.denormalise(subject.given.latent[None].to(device)))
    field = run.networks.shape_vae.query(queries[None].to(device), context)
    inside = (field[0, :, 0] > 0).cpu().numpy()
    return overlap(inside, is_inside(queries))


def _chamfer(make: Callable[[], Mesh], truth: np.ndarray) -> float | None:
    """Return the Chamfer distance of a mesh to the true points; None if it has no surface."""
    try:
        mesh = make()
    except MeshError:
        return None
    return chamfer_distance(sample_surface(mesh.vertices, mesh.faces, POINTS, 0).points, truth, QUERIES)
