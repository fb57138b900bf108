"""What this machine lends a bare root: pip's package sources, Pythons, and the mirror for Debian.

No path or host is fixed here: they come from pip's and apt's configuration and from the command line.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from backend.bootstrap.pythons import of_pyenv, version_of
from blender_addon.install.sources import find_sources, pip_files, pip_settings

INDEXES = ("index-url", "extra-index-url")
FILES = ("find-links", "cert", "client-cert", "constraint")
OTHERS = ("trusted-host", "no-index", "proxy", "timeout", "default-timeout")
"""The settings of pip that say where packages come from; the first two kinds may name local files."""
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
APT = (("/etc/apt", "sources.list"), ("/etc/apt/sources.list.d", "*.sources"), ("/etc/apt/sources.list.d", "*.list"))
MIRROR = re.compile(r"(?:https?|file)://\S+/debian/?(?=\s|$)")


@dataclass(frozen=True)
class Pip:
    """Pip's configuration on this machine.

    Args:
        settings: values by the names of pip's options.
        paths: local files and folders that they name.
    """

    settings: Mapping[str, str]
    paths: tuple[Path, ...]

    @property
    def file(self) -> str:
        """The settings as a system-wide configuration file."""
        lines = (f"{name} = {value}\n" for name, value in sorted(self.settings.items()))
        return "[global]\n" + "".join(lines)


def pip_here(variables: Mapping[str, str], files: Iterable[Path] | None = None) -> Pip:
    """Return where packages come from, according to pip's variables and files.

    Args:
        variables: environment variables.
        files: pip's configuration files, highest priority last; None takes the usual ones.
    """
    files = pip_files(variables) if files is None else list(files)
    told = pip_settings(variables, files)
    settings = {name: " ".join(told[name].split()) for name in (*INDEXES, *FILES, *OTHERS) if told.get(name)}
    if certificates := find_sources("", "", variables, files).certificates:
        settings.setdefault("cert", certificates)
    # an index's pages link to files next to its folder, so its parent is lent
    indexes = [path.parent for path in local_paths(settings, INDEXES)]
    return Pip(settings, tuple(dict.fromkeys([*indexes, *local_paths(settings, FILES)])))


def local_paths(settings: Mapping[str, str], names: Iterable[str]) -> list[Path]:
    """Return the files and folders of this machine that settings name, as paths or as URLs."""
    words = [word for name in names for word in settings.get(name, "").split()]
    paths = [Path(unquote(urlsplit(word).path)) if word.startswith("file:") else Path(word) for word in words]
    return [path for path in paths if path.is_absolute() and path.exists()]


def proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name a proxy, which programs in the root may need to reach the network."""
    return {name: value for name, value in variables.items() if name.lower() in PROXIES}


def mirror_of_apt(folder: Path = Path("/")) -> str:
    """Return the Debian mirror that apt uses; empty if it uses another source."""
    for place, pattern in APT:
        for path in sorted((folder / place.lstrip("/")).glob(pattern)):
            lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
            if found := next(filter(None, map(MIRROR.search, lines)), None):
                return found.group()
    return ""


@dataclass(frozen=True)
class Python:
    """A Python of this machine.

    Args:
        version: version, such as "3.11".
        program: the interpreter itself, not a link and not an environment's.
        folder: the folder that holds the whole installation and can be mounted elsewhere.
    """

    version: str
    program: Path
    folder: Path


def python_at(program: str) -> Python | None:
    """Return a Python that can be lent; None for the system's, whose files are mixed with others."""
    code = "import os, sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix, sep='\\n')"
    try:
        told = subprocess.check_output([program, "-I", "-c", code], stderr=subprocess.DEVNULL, text=True).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    version, folder = told[0], Path(told[1])
    own = folder / "bin" / f"python{version}"
    return Python(version, own, folder) if folder not in (Path("/"), Path("/usr")) and own.exists() else None


def find_python(version: str) -> Python | None:
    """Return a Python of this version that can be lent; None if there is none."""
    candidates = [sys.executable, f"python{version}", *map(str, of_pyenv(version))]
    lendable = (python_at(each) for each in candidates if version_of([each]) == version)
    return next(filter(None, lendable), None)


def is_root() -> bool:
    return sys.platform.startswith("linux") and os.geteuid() == 0
