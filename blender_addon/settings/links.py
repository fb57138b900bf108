"""Links to the documentation and for bug reports, from the manifest's `website`, the only place that names it.

Without a website, the documentation is the README next to the add-on, and there is no link for bug reports.
"""

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
MANIFEST, README, ISSUES = "blender_manifest.toml", "README.md", "/issues"


def website(folders: tuple[Path, ...] = (HERE, HERE.parent)) -> str:
    """Return the manifest's website without a trailing slash; empty if it names none."""
    manifest = _first(MANIFEST, folders)
    named = tomllib.loads(manifest.read_text(encoding="utf-8")).get("website", "") if manifest else ""
    return str(named).rstrip("/")


def draw(layout: Any, folders: tuple[Path, ...] = (HERE, HERE.parent)) -> None:
    """Draw a button for each link that exists."""
    row, address, readme = layout.row(), website(folders), _first(README, folders)
    if address:
        row.operator("wm.url_open", text="Documentation", icon="HELP").url = address
        row.operator("wm.url_open", text="Report a Bug", icon="URL").url = address + ISSUES
    elif readme:
        row.operator("wm.path_open", text="Documentation", icon="HELP").filepath = str(readme)


def _first(name: str, folders: tuple[Path, ...]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)
