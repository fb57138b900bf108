"""Measure what each approximation of sampling costs in accuracy, and what it saves.

Every variant animates the same unseen toys from the same noise as its exact run, and is measured by ActionBench's
CD-4D and CD-M. `approximations_table` accepts a variant if neither exceeds that of its exact run by more than the
tolerance, in all exact runs and tasks in which it is measured:

    mesh + video    the true mesh of frame 0 is given: Stages I and II. Measured in place, without alignment.
    video           only the clip is given: Stage 0 too. Measured under one alignment, found on frame 0 (`ALIGNMENT`).

Records are saved as they are made, so an interrupted run continues where it stopped. A record is made again if its
variant or weights change.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import InputError, MeshError
from ..files.atomic import write_text
from ..memory.model import Model
from ..presets import PRESETS, Preset
from ..protocol import ReferencePose
from ..sampling.approximate_steps import evaluations_of
from ..sampling.approximation import Approximation
from ..sampling.schedules import Schedule, image_to_3d_schedule, temporal_schedule
from ..stages.correspondence import animate_vertices
from ..stages.motion import synchronised_latents
from ..stages.reference import Reference, latent_from_picture, reference_in_model_space
from .alignment import AlignmentSettings, align
from .kept_records import digest_of_weights, find, read_results
from .measures import distances, points_of_motion
from .subjects import POINTS, QUERIES, Subject, mesh_of, toys
from .variants import MESH_AND_VIDEO, VIDEO, Task

ALIGNMENT = AlignmentSettings(points=256, steps=60, rate=0.03, starts=1)
"""Toybench's alignment, but only from the identity.

A generated toy faces the same way as the true one. If another start won by a narrow margin, the whole animation would
be turned, which has nothing to do with how it was sampled.
"""
KEY = {"template", "seed", "task", "exact", "variant", "settings"}
FRAMES = (0, 8, 15)
"""Frames at which CD-4D is measured."""
EXACT = "exact"
PUBLISHED = {"image_steps": 100, "image_guidance": 7.5, "steps": 30, "guidance": 7.5}
EXACT_RUNS: dict[str, dict[str, Any]] = {
    "published: 30 steps, guidance 7.5": PUBLISHED,
    "30 steps, guidance 1.5": {**PUBLISHED, "image_guidance": 1.5, "guidance": 1.5},
}
Changes = dict[str, Any]


def switches_of(name: str) -> Changes:
    """Return a preset's steps and approximations, without its guidance."""
    preset = PRESETS[name]
    return {**asdict(preset.approximation), "steps": preset.steps, "image_steps": preset.image_steps}


IN_PRESETS: dict[str, Changes] = {
    EXACT: {},
    "15 Euler steps (published fast)": {"steps": 15, "image_steps": 50},
    "preset balanced": switches_of("balanced"),
    "preset fast": switches_of("fast"),
    "preset fast, 8-bit linears": {**switches_of("fast"), "float8": True},
}
"""Variants measured in both tasks."""
SINGLE: dict[str, Changes] = {
    **{f"AB2, {steps} steps": {"solver": "ab2", "steps": steps} for steps in (10, 12, 15)},
    **{f"UniPC, {steps} steps": {"solver": "unipc", "steps": steps} for steps in (10, 12, 15)},
    "guidance at s in [0, 0.9]": {"guidance_interval": (0.0, 0.9)},
    "guidance at s in [0.3, 1]": {"guidance_interval": (0.3, 1.0)},
    "guidance at s in [0.6, 1]": {"guidance_interval": (0.6, 1.0)},
    "guidance at s in [0.8, 1]": {"guidance_interval": (0.8, 1.0)},
    "every second velocity, last": {"velocity_every": 2, "forecast": "last"},
    "every second velocity, linear forecast": {"velocity_every": 2},
    "every second difference": {"difference_every": 2},
    "every fifth difference": {"difference_every": 5},
    "8-bit linears": {"float8": True},
}
"""Variants with one approximation, or one solver at fewer steps; measured only with the mesh given."""
VARIANTS = {**IN_PRESETS, **SINGLE}


@dataclass(frozen=True)
class Run:
    """A variant of an exact run in a task."""

    task: Task
    exact: str
    variant: str

    @property
    def settings(self) -> Changes:
        """What the run sets in a preset."""
        return EXACT_RUNS[self.exact] | VARIANTS[self.variant]

    def key(self, subject: Subject) -> Changes:
        """Return the key of the run's record; it changes with the variant's settings and with the weights."""
        settings = {name: list(value) if isinstance(value, tuple) else value for name, value in self.settings.items()}
        run = {"task": self.task.name, "exact": self.exact, "variant": self.variant, "settings": settings}
        return {**subject.key, "weights": digest_of_weights(subject.run.facts.checkpoint.path), **run}


def all_runs() -> Iterator[Run]:
    """Yield all runs, the exact ones first, so that an interrupted evaluation has something to compare with."""
    for exact in EXACT_RUNS:
        yield from (Run(MESH_AND_VIDEO, exact, variant) for variant in VARIANTS)
        yield from (Run(VIDEO, exact, variant) for variant in IN_PRESETS)


def evaluate(model: Model, count: int, output: Path) -> list[dict]:
    """Measure every run on the first `count` toys and return the records; they go to `output` (.json) as they are made.

    Raises:
        InputError: there are fewer than two toys, or `output` holds something else.
        OutputError: the records cannot be written.
    """
    if count < 2:
        raise InputError(f"Approximations cannot be compared on {count} toys.", "Use at least 2.")
    earlier = read_results(output, set(), KEY, "records of approximations")["records"]
    records, plan = [], toys(count)
    for index in tqdm(range(count), "toys", disable=None):
        subject = plan.subject(index, model, "quality")
        for run in all_runs():
            key = run.key(subject)
            found = find(earlier, key)
            records.append(found or measured(run, subject))
            if not found:
                write_records(output, records + to_come(earlier, records, plan.members[:index]))
    write_records(output, records + to_come(earlier, records, plan.members))
    return records


def to_come(earlier: list[dict], records: list[dict], done: Sequence[tuple[str, int]]) -> list[dict]:
    """Return the earlier records that may still be needed: those not in `records` whose toys are not done."""
    known = {id(record) for record in records}
    return [
        record for record in earlier if id(record) not in known and (record["template"], record["seed"]) not in done
    ]


def measured(run: Run, subject: Subject) -> dict:
    """Measure CD-4D and CD-M of one run, and count network evaluations; if there is no surface, record the problem."""
    preset = subject.preset.changed(run.settings)
    image_schedule = image_to_3d_schedule(preset.image_steps)
    work = {
        "evaluations": evaluations(temporal_schedule(preset.steps), preset.guidance, preset.approximation),
        "image_evaluations": evaluations(image_schedule, preset.image_guidance, preset.image_approximation),
    }
    try:
        reference = subject.given if run.task.given_mesh else drawn(subject, preset)
    except MeshError as error:
        return {**run.key(subject), **work, "problem": str(error)}
    latents = synchronised_latents(subject.run, {0: reference.latent}, 0, subject.context, preset, subject.toy.seed)
    times = [float(frame) for frame in range(len(latents))]
    pose = ReferencePose.by_default(run.task.given_mesh)
    vertices = animate_vertices(subject.run, reference, latents, 0, times, pose)
    found = points_of_motion(vertices, reference.mesh.faces, POINTS, 0).points
    return {**run.key(subject), **work, **compared(found, subject.truth, aligned=not run.task.given_mesh)}


def evaluations(schedule: Schedule, guidance: float, approximation: Approximation) -> int:
    """Return how often a sampler evaluates its network, counting each branch of guidance."""
    return sum(evaluation.branches for evaluation in evaluations_of(schedule, guidance, approximation))


def drawn(subject: Subject, preset: Preset) -> Reference:
    """Return image-to-3D's mesh of frame 0 at this preset; raise MeshError if it has no surface."""
    latent = latent_from_picture(subject.run, subject.context[0], preset, subject.toy.seed)
    return reference_in_model_space(latent, mesh_of(latent, subject.run))


def compared(found: np.ndarray, truth: np.ndarray, aligned: bool) -> dict[str, float | None]:
    """Return CD-4D and CD-M of points (T, POINTS, 3), if `aligned` after one alignment found on frame 0."""
    placed = align(found[0], truth[0], ALIGNMENT, "cpu").apply(found) if aligned else found
    distance = distances(placed, truth, None, frames=FRAMES, queries=QUERIES)
    return {"cd_4d": distance.cd_4d, "cd_m": distance.cd_m}


def write_records(path: Path, records: list[dict]) -> None:
    """Write one record per line, atomically."""
    lines = ",\n".join(json.dumps(record) for record in records)
    write_text(path, f'{{"records": [\n{lines}\n]}}\n')
