"""Names and paths that every system takes. Windows is the strict one: names it keeps for devices, letters, lengths.

Numbers and texts only, so that what Windows would refuse is known on any computer.
"""

import re

LONGEST_PATH = 259
"""Characters of a path that every program of Windows can open."""
LONGEST_NAME = 120
"""Characters of a name, so that an ending and a number fit behind it."""
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(name: str, otherwise: str = "_") -> str:
    """Return a file name, without an ending, that every system takes and that is as near to `name` as it can be.

    Args:
        otherwise: what it is called where nothing of the name is left.
    """
    plain = FORBIDDEN.sub("_", name.encode("utf-8", "replace").decode("utf-8"))
    cut = plain.strip().rstrip(". ")[:LONGEST_NAME].rstrip(". ")
    while len(cut.encode()) > 2 * LONGEST_NAME:  # other systems count bytes
        cut = cut[:-1]
    if not cut:
        return otherwise
    return f"_{cut}" if DEVICES.fullmatch(cut) else cut


def is_device(name: str, platform: str) -> bool:
    """Return whether a file name, whatever its ending, is one that Windows keeps for a device: what is written there is gone."""
    return platform == "win32" and DEVICES.fullmatch(name.rstrip(". ")) is not None


def excess(path: str, inside: int, platform: str) -> int:
    """Return by how many characters a folder's path is too long for files whose names take `inside` characters there."""
    return max(0, len(path) + 1 + inside - LONGEST_PATH) if platform == "win32" else 0
