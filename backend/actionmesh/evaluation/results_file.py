"""A CSV file of scenes that survives interruptions: rows are appended one by one, a truncated last line is dropped."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, OutputError
from ..files.atomic import write_atomically

COLUMNS = ("uid", "cd_3d", "cd_4d", "cd_m", "settings")


@dataclass(frozen=True)
class Row:
    """The measures of one scene; `cd_m` is None if the prediction's points cannot be followed."""

    uid: str
    cd_3d: float
    cd_4d: float
    cd_m: float | None


class ResultsFile:
    """The CSV file at `path`, new or continued.

    Args:
        settings: how rows are measured, in words; a file has only rows with the same settings.
    Raises:
        InputError: the file is something else, or was computed with other settings.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, settings: str):
        self.path, self.settings = path, settings
        self.rows = self._read() if path.exists() else {}
        write_atomically(path, lambda part: part.write_text(self._text(), encoding="utf-8", newline=""))

    def append(self, row: Row) -> None:
        """Append a row; it is on disk when this returns."""
        self.rows[row.uid] = row
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(_line(self._cells(row)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path} could not be written ({error.strerror}).", "Free disk space.") from error

    def _read(self) -> dict[str, Row]:
        """Read the rows, without a truncated last line."""
        text = self.path.read_bytes().decode("utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        lines = list(csv.reader(io.StringIO(whole)))
        if text and (not _line(COLUMNS).startswith(text) if not lines else tuple(lines[0]) != COLUMNS):
            raise InputError(f"{self.path} is not a file of ActionBench results.", "Choose another output file.")
        return {row.uid: row for row in (self._row(line, number) for number, line in enumerate(lines[1:], start=2))}

    def _row(self, cells: list[str], number: int) -> Row:
        try:
            uid, cd_3d, cd_4d, cd_m, settings = cells
            row = Row(uid, float(cd_3d), float(cd_4d), float(cd_m) if cd_m else None)
        except ValueError as error:
            raise InputError(f"Line {number} of {self.path} is damaged.", "Delete that line.") from error
        if settings != self.settings:
            found = f"{self.path} has rows computed with {settings}, not with {self.settings}."
            raise InputError(found, "Choose another output file, or the same settings.")
        return row

    def _cells(self, row: Row) -> tuple:
        return (row.uid, repr(row.cd_3d), repr(row.cd_4d), "" if row.cd_m is None else repr(row.cd_m), self.settings)

    def _text(self) -> str:
        return "".join([_line(COLUMNS), *(_line(self._cells(row)) for row in self.rows.values())])


def _line(cells: tuple) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
