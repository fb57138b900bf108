"""Names and paths that every system accepts. Windows is the strictest: it limits names, characters and lengths.

These are pure functions, so that any computer can tell what Windows would refuse.
"""

import re

LONGEST_PATH = 259
"""Maximum characters of a path that every Windows program can open."""
LONGEST_NAME = 120
"""Maximum characters of a name, so that a number and an ending can follow it."""
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(name: str, otherwise: str = "_") -> str:
    """Return the file name, without an ending, that is closest to `name` and that every system accepts.

    Args:
        otherwise: the name to use if nothing of `name` is left.
    """
    plain = FORBIDDEN.sub("_", name.encode("utf-8", "replace").decode("utf-8"))
    cut = plain.strip().rstrip(". ")[:LONGEST_NAME].rstrip(". ")
    while len(cut.encode()) > 2 * LONGEST_NAME:  # other systems count bytes
        cut = cut[:-1]
    if not cut:
        return otherwise
    return f"_{cut}" if DEVICES.fullmatch(cut) else cut


def is_device(name: str, platform: str) -> bool:
    """Return whether Windows reserves a file name, with any ending, for a device: data written there is lost."""
    return platform == "win32" and DEVICES.fullmatch(name.rstrip(". ")) is not None


def excess(path: str, inside: int, platform: str) -> int:
    """Return by how many characters a folder's path is too long for files with names of `inside` characters."""
    return max(0, len(path) + 1 + inside - LONGEST_PATH) if platform == "win32" else 0
