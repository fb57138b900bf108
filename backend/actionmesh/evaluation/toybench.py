"""Toybench: a checkpoint on unseen procedural sequences whose truth is exact, and on outsiders, in two tasks.

    mesh + video    the true mesh of frame 0 and the clip -> where its vertices are. Measured where it is: no alignment.
    video           the clip alone -> a mesh that moves. Measured under ActionBench's alignment, at less expense (`ALIGNMENT`).

Each task is done whole and with a part left out (`variants`). A row whose frames have meshes of their own has no CD-M: nothing says
which point is which in the next frame. Ablation switches are tried on the first toys only.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from tqdm import tqdm

from ..errors import InputError, MeshError
from ..geometry.mesh import Mesh
from ..geometry.surface import sample_surface
from ..weights.store import ModelStore
from .alignment import AlignmentSettings, Pruning
from .measures import chamfer_distance, distances, vertex_error, volume_iou
from .retrieval import Library
from .subjects import FRAMES, POINTS, QUERIES, Plan, Subject, mesh_of, outsiders, toys
from .surface_points import points_of_meshes, points_of_motion
from .toybench_summary import summarise
from .variants import MESH_AND_VIDEO, VIDEO, Answer, Task, variants_of

ALIGNMENT = AlignmentSettings(points=256, steps=60, rate=0.03, pruning=Pruning(points=96, steps=20, keep=2))
IOU_QUERIES = 20_000


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Args:
        toys, outsiders: sequences of each set.
        ablations: on how many of the toys the ablation's switches are tried.
        retrieved: training toys among which the nearest picture is looked for; 0 leaves that out.
        frames: at which Chamfer distances are taken, and of which a row without correspondence makes meshes; 0 is the first.
    """

    toys: int = 64
    outsiders: int = 16
    ablations: int = 12
    retrieved: int = 512
    frames: tuple[int, ...] = (0, 8, 15)

    def __post_init__(self) -> None:
        counts = (self.toys, self.outsiders, self.ablations, self.retrieved)
        if min(counts) < 0 or 1 in counts[:2] or not any(counts[:2]):
            found = f"Toybench cannot measure {self.toys} toys and {self.outsiders} outsiders, {self.ablations} ablated."
            raise InputError(found, "Take at least 2 of either set, or none of one.")
        if self.frames[:1] != (0,) or not all(0 <= frame < FRAMES for frame in self.frames):
            raise InputError(f"Toybench cannot measure at the frames {self.frames}.", f"Begin with 0 and stay below {FRAMES}.")


def evaluate(store: ModelStore, preset_name: str, extent: Extent) -> dict:
    """All measures: every set has a summary, and the shapes and records of each of its sequences."""
    library = Library.of(extent.retrieved) if extent.retrieved else None
    sets = {}
    for plan in (toys(extent.toys), outsiders(extent.outsiders)):
        if plan.members:
            ablations = extent.ablations if plan.name == "toys" else 0
            shapes, records = measure_set(plan, store, preset_name, extent.frames, ablations, library)
            sets[plan.name] = {"summary": summarise(shapes, records), "shapes": shapes, "records": records}
    return {"checkpoint": store.checkpoint.name, "preset": preset_name, "extent": asdict(extent), "sets": sets}


def measure_set(
    plan: Plan, store: ModelStore, preset_name: str, frames: tuple[int, ...], ablations: int, library: Library | None
) -> tuple[list[dict], list[dict]]:
    """The records of shapes, one a sequence, and of rows. Every sequence lends its frames and its shape to the next."""
    shapes: list[dict] = []
    records: list[dict] = []
    other = plan.subject(len(plan.members) - 1, store, preset_name)
    for index in tqdm(range(len(plan.members)), plan.name, disable=None):
        subject = plan.subject(index, store, preset_name)
        shapes.append(measure_shape(subject, other, library))
        for task in (MESH_AND_VIDEO, VIDEO):
            records += measure_rows(subject, other, task, frames, ablated=index < ablations)
        other = subject
    return shapes, records


def measure_rows(subject: Subject, other: Subject, task: Task, frames: tuple[int, ...], ablated: bool) -> Iterator[dict]:
    """A record for every row of a task; one that gives no surface has a sentence in place of its measures."""
    for name, variant in variants_of(task, other, frames, ablated).items():
        record = {**subject.key, "task": task.name, "row": name}
        try:
            yield {**record, **measured(variant(subject, task), subject, task, frames)}
        except MeshError as error:
            yield {**record, "problem": str(error)}


def measured(answer: Answer, subject: Subject, task: Task, frames: tuple[int, ...]) -> dict:
    """CD-3D, CD-4D, CD-M, and the vertex error where the mesh is the true one; None where it has no meaning."""
    alignment = None if task.given_mesh else ALIGNMENT
    if answer.meshes is not None:
        drawn = points_of_meshes(answer.meshes, POINTS, 0)
        return asdict(distances(drawn.points, subject.truth[list(frames)], alignment, drawn.tracked, queries=QUERIES))
    assert answer.vertices is not None and answer.faces is not None
    followed = points_of_motion(answer.vertices, answer.faces, POINTS, 0).points
    found = asdict(distances(followed, subject.truth, alignment, frames=frames, queries=QUERIES))
    return {**found, "vertex_error": vertex_error(answer.vertices, subject.toy.vertices)} if task.given_mesh else found


def measure_shape(subject: Subject, other: Subject, library: Library | None) -> dict:
    """Shape VAE and image-to-3D on frame 0, measured where they are; None where no surface came out."""
    return {
        **subject.key,
        "iou": reconstruction_iou(subject),
        **shape_distances(subject, other),
        "chamfer_retrieved": library and library.chamfer(subject.picture, subject.truth[0]),
    }


def shape_distances(subject: Subject, other: Subject) -> dict[str, float | None]:
    """Chamfer distances of frame 0's shape: the VAE's, image-to-3D's, and that of another subject."""
    truth = subject.truth[0]
    return {
        "chamfer_vae": _chamfer(lambda: mesh_of(subject.given.latent, subject.store), truth),
        "chamfer_image": _chamfer(lambda: subject.drawn.mesh, truth),
        "chamfer_random": chamfer_distance(other.truth[0], truth, QUERIES),
    }


@torch.no_grad()
def reconstruction_iou(subject: Subject) -> float:
    """Volume IoU of the VAE's field and the exact body in the first frame's box, padded by a tenth."""
    toy, store = subject.toy, subject.store
    low, high = toy.vertices[0].min(0), toy.vertices[0].max(0)
    pad = 0.1 * (high - low).max()
    rng = np.random.default_rng(toy.seed)
    queries = torch.from_numpy(rng.uniform(low - pad, high + pad, (IOU_QUERIES, 3)).astype(np.float32))
    context = store.shape_vae.prepare(store.denormalise(subject.given.latent[None].to(store.device)))
    field = store.shape_vae.query(queries[None].to(store.device), context)
    inside = (field[0, :, 0] > 0).cpu().numpy()
    return volume_iou(inside, (toy.body.signed_distance(queries, 0) < 0).numpy())


def _chamfer(make: Callable[[], Mesh], truth: np.ndarray) -> float | None:
    """Of a mesh to the true points; None when it has no surface."""
    try:
        mesh = make()
    except MeshError:
        return None
    return chamfer_distance(sample_surface(mesh.vertices, mesh.faces, POINTS, 0).points, truth, QUERIES)
