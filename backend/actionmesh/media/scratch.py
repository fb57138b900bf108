"""Private temporary bytes on disk: a long clip takes space in the temporary folder instead of memory."""

import tempfile
import weakref

from ..errors import OutputError


class ScratchFile:
    """A file that grows with `append` and can be read at any position.

    It has no name, or one that disappears with the process, so that a killed process leaves nothing behind.

    Args:
        content: what the file contains, for messages, such as "The clip's frames".
    Raises:
        OutputError: no file can be created in the temporary folder.
    """

    def __init__(self, content: str):
        self._content = content
        self._end = 0
        try:
            self._file = tempfile.TemporaryFile(buffering=0)
        except OSError as error:
            raise self._no_place(error, 0) from error
        weakref.finalize(self, self._file.close)

    def append(self, data: memoryview) -> int:
        """Append bytes and return where they begin; raise OutputError if the disk is full."""
        start, rest = self._end, data
        try:
            self._file.seek(start)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._no_place(error, len(data)) from error
        self._end = start + len(data)
        return start

    def read_into(self, data: memoryview, start: int) -> None:
        """Fill `data` with the bytes from `start` on, all of which must have been appended."""
        assert start + len(data) <= self._end
        self._file.seek(start)
        while data:
            read = self._file.readinto(data)
            assert read, "the scratch file has shrunk"
            data = data[read:]

    def _no_place(self, error: OSError, size: int) -> OutputError:
        room = f", {size / 2**20:.1f} MB a frame," if size else ""
        return OutputError(
            f"{self._content} do not fit into the temporary folder {_folder()}: {error.strerror or error}.",
            f"Free space there{room} or set the environment variable TMPDIR to another folder.",
        )


def _folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # none of the usual folders is writable
        return "of this system"
