"""Whether a USD file is complete: Blender's exporter does not report that the disk was full.

.usdc   the start says where the table of contents is, which is written last: a count, and 32 bytes for each section
.usda   text; what is opened in the first column is closed there
.usdz   a zip archive, which ends with its table of contents
"""

import zipfile
from pathlib import Path
from typing import BinaryIO

START, PLACE, NUMBER, SECTION = 24, 16, 8, 32
"""Bytes in a .usdc file: its start, the offset in it at which the table's own offset is, a number, a table section."""
TAIL = 8
"""Bytes that show the end of a .usda file."""


def is_whole(path: Path) -> bool:
    """Return False for a file that was cut off.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(START)
        if start.startswith(b"PXR-USDC"):
            return len(start) == START and _end_of_table(file, start) <= size
        file.seek(max(0, size - TAIL))
        end = file.read()
    return end.rstrip().endswith(b"\n}") if start.startswith(b"#usda") else zipfile.is_zipfile(path)


def _end_of_table(file: BinaryIO, start: bytes) -> int:
    """Return where the table of contents ends; this is past the end of a file that is cut off within its count, too."""
    table = int.from_bytes(start[PLACE:], "little")
    file.seek(min(table, 2**62))
    return table + NUMBER + SECTION * int.from_bytes(file.read(NUMBER), "little")
