"""Whether a USD file is there to its end: Blender's exporter does not say when the disk was full.

.usdc   a start that tells where the table of contents is, which is written last: a count, and 32 bytes for each section
.usda   text; what is opened in the first column is closed there
.usdz   a zip archive, whose table of contents is its end
"""

import zipfile
from pathlib import Path
from typing import BinaryIO

START, PLACE, NUMBER, SECTION = 24, 16, 8, 32
"""Bytes of a .usdc file: its start, the place of the table's own place in it, a number, a section in the table."""
TAIL = 8
"""Bytes in which the end of a .usda file shows."""


def is_whole(path: Path) -> bool:
    """False for a file that was cut off; raises OSError if it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(START)
        if start.startswith(b"PXR-USDC"):
            return len(start) == START and _end_of_table(file, start) <= size
        file.seek(max(0, size - TAIL))
        end = file.read()
    return end.rstrip().endswith(b"\n}") if start.startswith(b"#usda") else zipfile.is_zipfile(path)


def _end_of_table(file: BinaryIO, start: bytes) -> int:
    """Where the table of contents ends; a file that is cut off within its count ends before, too."""
    table = int.from_bytes(start[PLACE:], "little")
    file.seek(min(table, 2**62))
    return table + NUMBER + SECTION * int.from_bytes(file.read(NUMBER), "little")
