"""Benchmark records that survive interruptions: a JSON file with the records and their summary.

A record has a key (a sequence, a task, a row) and what was measured. An interrupted run continues where it stopped, and
if a row is new, only that row is measured.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Set
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError, MeshError
from ..files.atomic import write_text


class KeptRecords:
    """The records of this run, in `records`, and those of an earlier run that it has not reached yet, in `to_come`.

    Args:
        path: the JSON file, which need not exist.
        run: how records are measured, such as the weights; it is written at the top of the file.
        key: names of the key's fields, which every record has.
        kind: what is measured, for messages.
    Raises:
        InputError: the file holds something else, or the results of another run.
    """

    def __init__(self, path: Path, run: dict[str, Any], key: Collection[str], kind: str):
        self.path, self.run = path, run
        self.records: list[dict] = []
        self.to_come = _of_same_run(path, run, read_results(path, run.keys(), set(key), f"results on {kind}"))

    def keep(self, key: dict, measure: Callable[[], dict], **told: Any) -> None:
        """Add the record of a key: an earlier one if there is one, else the result of `measure`.

        Args:
            measure: returns what is measured; if it raises MeshError, the record has its sentence instead.
            told: more fields for the record, whether it is new or not.
        """
        known = find(self.to_come, key)
        self.records.append({**(known or {**key, **_found(measure)}), **told})

    def forget(self, which: Callable[[dict], bool]) -> None:
        """Drop earlier records that are out of date, or that this run has reached."""
        self.to_come = [record for record in self.to_come if not which(record)]

    def forget_rows(self, rows: Collection[str], known: Collection[str]) -> None:
        """Drop rows in order to measure them again.

        Raises:
            InputError: one of them is not known.
        """
        unknown = [row for row in rows if row not in known]
        if unknown:
            raise InputError(f"There is no row {unknown[0]!r}.", f"Rows are: {'; '.join(sorted(known))}.")
        self.forget(lambda record: record["row"] in rows)

    def write(self, summary: dict) -> dict:
        """Write head, summary and all records atomically, and return them.

        Raises:
            OutputError: the file cannot be written.
        """
        results = {**self.run, **summary, "records": self.records + self.to_come}
        write_text(self.path, json.dumps(results, indent=1) + "\n")
        return results


def find(records: list[dict], key: dict) -> dict | None:
    """Return the record with a key, or None."""
    return next((record for record in records if all(record.get(name) == value for name, value in key.items())), None)


@cache
def digest_of_weights(checkpoint: Path) -> str:
    """Return the first twelve digits of a SHA-256 over the checkpoint's tensor files and their relative paths."""
    digest = hashlib.sha256()
    for path in sorted(checkpoint.rglob("*.safetensors")):
        digest.update(path.relative_to(checkpoint).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def read_results(path: Path, head: Set[str], key: Set[str], what: str) -> dict[str, Any]:
    """Read what an earlier run wrote; no records if there is no file.

    Args:
        head: names at the top of the file; key: names that every record has.
        what: what the file should hold, for messages.
    Raises:
        InputError: the file holds something else.
    """
    if not path.exists():
        return {"records": []}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        assert head <= results.keys() and all(key <= record.keys() for record in results["records"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise InputError(f"{path} holds no {what}.", "Choose another output file.") from error
    return results


def _of_same_run(path: Path, run: dict[str, Any], results: dict[str, Any]) -> list[dict]:
    different = [name for name, value in run.items() if results.get(name, value) != value]
    if different:
        told = ", ".join(f"{name} {results[name]}" for name in different)
        raise InputError(f"{path} holds results of another run ({told}).", "Choose another output file.")
    return results["records"]


def _found(measure: Callable[[], dict]) -> dict:
    try:
        return measure()
    except MeshError as error:
        return {"problem": str(error)}
