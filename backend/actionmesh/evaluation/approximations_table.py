"""Format the records of approximations as Markdown: what each saves, what it costs, and whether it is accepted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .approximations import EXACT, EXACT_RUNS, VARIANTS
from .variants import MESH_AND_VIDEO, VIDEO

TOLERANCE = 0.02
MEASURES = ("cd_4d", "cd_m")


@dataclass(frozen=True)
class Ratio:
    """A variant's sum over its exact run's, on toys that have both, and its standard error over toys (jackknife)."""

    value: float
    error: float

    @classmethod
    def of(cls, ours: np.ndarray, exact: np.ndarray) -> "Ratio":
        left_out = (ours.sum() - ours) / (exact.sum() - exact)
        spread = np.sqrt((len(ours) - 1) * np.mean((left_out - left_out.mean()) ** 2))
        return cls(float(ours.sum() / exact.sum()), float(spread))

    @property
    def accepted(self) -> bool:
        return self.value <= 1 + TOLERANCE

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


def ratios(records: list[dict], task: str, exact: str, variant: str) -> dict[str, Ratio]:
    """Return the ratios by measure; empty if fewer than two toys have both runs."""
    ours, theirs = (_by_toy(records, task, exact, name) for name in (variant, EXACT))
    both = sorted(ours.keys() & theirs.keys())
    if len(both) < 2:
        return {}
    columns = {name: [np.array([run[toy][name] for toy in both]) for run in (ours, theirs)] for name in MEASURES}
    return {name: Ratio.of(*pair) for name, pair in columns.items()}


def accepted(records: list[dict], variant: str) -> bool:
    """Return whether a variant never failed and is within the tolerance in every exact run and task that has it."""
    found = [ratios(records, task.name, exact, variant) for task in (MESH_AND_VIDEO, VIDEO) for exact in EXACT_RUNS]
    failed = any("problem" in record for record in records if record["variant"] == variant)
    given = [ratio for measures in found for ratio in measures.values()]
    return bool(given) and not failed and all(ratio.accepted for ratio in given)


def table(records: list[dict], checkpoint: str) -> str:
    """Return a table for every exact run and task."""
    count = len({(record["template"], record["seed"]) for record in records})
    lines = [
        f"Checkpoint `{checkpoint}`, {count} unseen toys of 16 frames; a variant starts from its exact run's noise.",
        "Ratios are a variant's sum over the exact run's, ± the standard error over toys. *Evaluations* counts runs of",
        "a network, each branch of guidance separately: Stage I's, and Stage 0's if only the clip is given.",
        f"A variant is accepted if no ratio is above {1 + TOLERANCE:.2f} in any table that has it.",
        "",
    ]
    for exact in EXACT_RUNS:
        for task in (MESH_AND_VIDEO, VIDEO):
            lines += [*_table_of(records, task.name, exact), ""]
    return "\n".join(lines)


def _table_of(records: list[dict], task: str, exact: str) -> list[str]:
    toys = _by_toy(records, task, exact, EXACT)
    if not toys:
        return []
    means = ", ".join(f"{name.upper().replace('_', '-')} {_mean(toys.values(), name):.4f}" for name in MEASURES)
    title = f"{task}; exact run {exact} (n = {len(toys)}: {means})"
    lines = [f"**{title}**", "", "| variant | evaluations | of the exact | CD-4D | CD-M | accepted |", "|---" * 6 + "|"]
    whole = _evaluations(records, task, exact, EXACT)
    for variant in VARIANTS:
        found = ratios(records, task, exact, variant)
        if found and variant != EXACT:
            cost = _evaluations(records, task, exact, variant)
            verdict = "yes" if accepted(records, variant) else "no"
            cells = (variant, str(cost), f"{cost / whole:.0%}", *map(str, found.values()), verdict)
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _by_toy(records: list[dict], task: str, exact: str, variant: str) -> dict[tuple, dict]:
    return {
        (record["template"], record["seed"]): record
        for record in records
        if (record["task"], record["exact"], record["variant"]) == (task, exact, variant) and "problem" not in record
    }


def _evaluations(records: list[dict], task: str, exact: str, variant: str) -> int:
    """Return the evaluations of Stage I, plus those of Stage 0 if it runs."""
    record = next(iter(_by_toy(records, task, exact, variant).values()))
    return record["evaluations"] + (record["image_evaluations"] if task == VIDEO.name else 0)


def _mean(records: Iterable[dict], name: str) -> float:
    return float(np.mean([record[name] for record in records]))
