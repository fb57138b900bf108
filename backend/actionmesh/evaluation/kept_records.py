"""Records of a benchmark that outlive interruptions: a JSON file of what is measured, and of what it sums up to.

A record has what names it (its key: a sequence, a task, a row) and what was found. A run that was cut off goes on where
it was, and a row that is new is measured alone.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError, MeshError
from ..output.atomic import write_atomically


class KeptRecords:
    """The records of this run, in `records`, and those of an earlier one that it has not come to yet, in `to_come`.

    Args:
        path: of the JSON file, which need not be there.
        run: how records are measured, such as the weights; it stands in the file's head.
        key: the names that every record has.
        kind: what is measured, for messages.
    Raises:
        InputError: the file holds something else, or what another run found.
    """

    def __init__(self, path: Path, run: dict[str, Any], key: Collection[str], kind: str):
        self.path, self.run = path, run
        self.records: list[dict] = []
        self.to_come = _read(path, run, set(key), kind)

    def keep(self, key: dict, measure: Callable[[], dict], **told: Any) -> None:
        """Add the record of a key: an earlier one if there is one, else what `measure` finds.

        Args:
            measure: gives what is found; where it raises MeshError the record has a sentence instead.
            told: what else to say of it, whether it is new or not.
        """
        known = find(self.to_come, key)
        self.records.append({**(known or {**key, **_found(measure)}), **told})

    def forget(self, which: Callable[[dict], bool]) -> None:
        """Drop earlier records: those that are wrong now, and those that this run has come to."""
        self.to_come = [record for record in self.to_come if not which(record)]

    def forget_rows(self, rows: Collection[str], known: Collection[str]) -> None:
        """Drop rows that are to be measured again.

        Raises:
            InputError: one of them is not among the known ones.
        """
        unknown = [row for row in rows if row not in known]
        if unknown:
            raise InputError(f"There is no row {unknown[0]!r}.", f"Rows are: {'; '.join(sorted(known))}.")
        self.forget(lambda record: record["row"] in rows)

    def write(self, summary: dict) -> dict:
        """Write head, summary and all records, whole or not at all, and return them.

        Raises:
            OutputError: the file cannot be written.
        """
        results = {**self.run, **summary, "records": self.records + self.to_come}
        text = json.dumps(results, indent=1) + "\n"
        write_atomically(self.path, lambda part: part.write_text(text, encoding="utf-8"))
        return results


def find(records: list[dict], key: dict) -> dict | None:
    """Return the record of that key, if there is one."""
    return next((record for record in records if all(record.get(name) == value for name, value in key.items())), None)


@cache
def digest_of_weights(checkpoint: Path) -> str:
    """Return SHA-256 over the checkpoint's tensor files and their places in it, its first twelve digits."""
    digest = hashlib.sha256()
    for path in sorted(checkpoint.rglob("*.safetensors")):
        digest.update(path.relative_to(checkpoint).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _read(path: Path, run: dict[str, Any], key: set[str], kind: str) -> list[dict]:
    """The records of an earlier run; none where there is no file."""
    if not path.exists():
        return []
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        records = results["records"]
        assert all(key <= record.keys() for record in records)
        different = [name for name, value in run.items() if results[name] != value]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise InputError(f"{path} holds no results on {kind}.", "Choose another output file.") from error
    if different:
        told = ", ".join(f"{name} {results[name]}" for name in different)
        raise InputError(f"{path} holds results of another run ({told}).", "Choose another output file.")
    return records


def _found(measure: Callable[[], dict]) -> dict:
    try:
        return measure()
    except MeshError as error:
        return {"problem": str(error)}
