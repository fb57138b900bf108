"""Bytes on disk that belong to this process alone: what a long clip takes is room in the temporary folder, and no memory."""

import tempfile
import weakref

from ..errors import OutputError


class ScratchFile:
    """A file that grows by `append` and is read anywhere.

    It has no name, or loses it with the process, so that nothing is left behind when one is killed.

    Args:
        content: what the file holds, for messages, such as "The clip's frames".
    Raises:
        OutputError: there is no temporary folder.
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
        """Add bytes at the end and return where they begin; raise OutputError where the disk has no room for them."""
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
        """Fill `data` with the bytes from `start`, all of which were appended before."""
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
            f"Make room there{room} or name another folder in the variable TMPDIR.",
        )


def _folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # none of the usual places can be written to
        return "of this system"
