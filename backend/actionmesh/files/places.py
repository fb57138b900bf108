"""Names of results: which names a system accepts, and which are the same place. Pure functions of text and system."""

import os
import re
import sys
import unicodedata
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

WINDOWS = "win32"
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
"""Names that Windows treats as devices, in any folder and with any ending."""
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
"""Characters that Windows does not allow in names. A colon would write to a hidden stream of another file."""
LONGEST_NAME = 255
"""Bytes of a name on Linux, UTF-16 units on Windows and macOS."""
LONGEST_PATH = {"linux": 4095, "darwin": 1023, WINDOWS: 32_000}
PLAIN_WINDOWS_PATH = 240
"""Characters of the longest path, including a temporary name, that Windows opens without a prefix."""
ROOM = 80
"""Characters reserved for the names of temporary files and of the poses in a folder."""


def fault_of_name(path: str, system: str = sys.platform) -> str:
    """Return why a result cannot have this name, as the end of a sentence; empty if the name is valid."""
    if not path.strip():
        return "is empty"
    if "\0" in path:
        return "contains a null character"
    if not _is_writable_text(path, system):
        return "contains characters that no file name can have"
    parts = _plain_path(path, system).parts
    if parts and parts[-1] not in (".", "..") and parts[-1] != parts[-1].rstrip(". "):
        return "ends in a dot or a space, which some systems drop"
    fault = _fault_on_windows(path) if system == WINDOWS else ""
    return fault or _fault_of_length(path, parts, system)


def same_place(path: str | Path) -> str:
    """Return a text that is equal for two paths if some system treats them as one; it folds case and Unicode forms."""
    real = os.path.realpath(path)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", real).casefold())


def reachable(path: Path, system: str = sys.platform) -> Path:
    r"""Return an absolute path in the form that the system opens: Windows opens long paths only after `\\?\`."""
    text = str(path)
    if system != WINDOWS or len(text) <= PLAIN_WINDOWS_PATH or text.startswith("\\\\?\\"):
        return path
    return type(path)(f"\\\\?\\UNC\\{text[2:]}" if text.startswith("\\\\") else f"\\\\?\\{text}")


def _plain_path(path: str, system: str) -> PurePath:
    return PureWindowsPath(path) if system == WINDOWS else PurePosixPath(path)


def _is_writable_text(path: str, system: str) -> bool:
    """Return whether a path can be encoded; only Linux allows bytes that Python represents as surrogates."""
    try:
        path.encode("utf-8", "surrogateescape" if system not in (WINDOWS, "darwin") else "strict")
    except UnicodeEncodeError:
        return False
    return True


def _fault_on_windows(path: str) -> str:
    plain = PureWindowsPath(path)
    if plain.drive and not plain.root:
        return f"begins with {plain.drive} without a backslash, which means that drive's current folder"
    for name in plain.parts[1:] if plain.anchor else plain.parts:
        if FORBIDDEN.search(name):
            return f"has a character in {name!r} that Windows does not allow"
        if DEVICES.fullmatch(name.split(".", 1)[0].rstrip()):
            return f"contains {name!r}, which Windows reserves for a device"
        if name not in (".", "..") and name != name.rstrip(". "):
            return f"contains {name!r}, which ends in a dot or a space that Windows drops"
    return ""


def _fault_of_length(path: str, parts: tuple[str, ...], system: str) -> str:
    for name in parts:
        if _length(name, system) > LONGEST_NAME:
            return f"contains a name of {_length(name, system)} characters; the limit is {LONGEST_NAME}"
    whole = path if _plain_path(path, system).is_absolute() else os.path.join(os.getcwd(), path)
    longest = LONGEST_PATH.get(system, LONGEST_PATH["linux"]) - ROOM
    return f"is longer than the {longest} characters that the system allows" if _length(whole, system) > longest else ""


def _length(text: str, system: str) -> int:
    """Return the length in the system's units: UTF-16 units on Windows and macOS, bytes elsewhere."""
    if system in (WINDOWS, "darwin"):
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogateescape"))
