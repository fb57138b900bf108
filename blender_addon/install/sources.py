"""Where packages come from: PyPI and PyTorch's index, a mirror or a folder; proxies and certificates.

A company configures pip once for everybody, so pip's variables and configuration files apply here too.
"""

import configparser
import importlib.util
import os
import re
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OWN_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
"""Variables that give uv other sources; uv reads them itself."""
MODULE_OF_INDEX, INDEX = (
    "pip/_internal/models/index.py",
    re.compile(r'^PyPI = PackageIndex\(\s*"(https://[^"]+)"', re.MULTILINE),
)
"""The module of pip that holds the address of its default index."""
SECTIONS = ("global", "install")
Settings = dict[str, str]


@dataclass(frozen=True)
class Sources:
    """Where to look for packages.

    Args:
        wheels: a folder that replaces every index; may be empty.
        index: the main index; if empty, PyPI.
        more: further indexes.
        links: folders or pages with wheels.
        certificates: file of certificates to trust in addition to the system's; may be empty.
        proxy: proxy for http and https; if empty, the system's.
        unchecked: hosts whose certificate is not checked.
        is_set_up: whether the sources are configured explicitly. PyTorch's own index is then not asked.
    """

    wheels: str = ""
    index: str = ""
    more: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    certificates: str = ""
    proxy: str = ""
    unchecked: tuple[str, ...] = ()
    is_set_up: bool = False

    def arguments(self, pytorch: str) -> list[str]:
        """Return uv's options; `pytorch` is the index that has the lock's PyTorch, or empty."""
        if self.wheels:
            return ["--no-index", "--offline", "--find-links", self.wheels]
        found = ["--system-certs", "--index-strategy", "unsafe-best-match"]  # every file is checked against the lock
        if pytorch and not self.is_set_up:
            found += ["--index", pytorch]
        if self.index:
            found += ["--default-index", self.index]
        for name, values in (
            ("--index", self.more),
            ("--find-links", self.links),
            ("--allow-insecure-host", self.unchecked),
        ):
            found += [word for value in values for word in (name, value)]
        return found

    def variables(self) -> Settings:
        """Return uv's environment variables: the proxy (the system's if none is configured) and certificates."""
        system = {
            f"{scheme}_proxy": url
            for scheme, url in urllib.request.getproxies().items()
            if scheme in ("http", "https", "no")
        }
        if self.proxy:
            system |= {"http_proxy": self.proxy, "https_proxy": self.proxy}
        found = {name.upper(): value for name, value in system.items()}
        return found | ({"SSL_CERT_FILE": self.certificates} if self.certificates else {})

    @property
    def words(self) -> str:
        """The sources in words, for an artist."""
        if self.wheels:
            return f"the folder {self.wheels}"
        if self.index:
            return self.index.rpartition("@")[2]
        return "the sources that pip or uv is configured with" if self.is_set_up else "PyPI and PyTorch's own site"


def find_sources(wheels: str, index: str, variables: Mapping[str, str], files: Iterable[Path] | None = None) -> Sources:
    """Return the sources: those in the preferences, then those in pip's variables and files.

    Args:
        wheels, index: from the preferences; may be empty.
        variables: environment variables.
        files: pip's configuration files, highest priority last; None takes the usual ones.
    """
    told = pip_settings(variables, pip_files(variables) if files is None else files)
    named = index or told.get("index-url", "")
    more, links = told.get("extra-index-url", "").split(), told.get("find-links", "").split()
    of_uv = any(variables.get(name) for name in OWN_INDEX)
    return Sources(
        wheels=wheels,
        index=named,
        more=tuple(more),
        links=tuple(links),
        certificates=_certificates(told, variables),
        proxy=told.get("proxy", ""),
        unchecked=tuple(told.get("trusted-host", "").split()),
        is_set_up=bool(named or more or links or of_uv),
    )


def default_index() -> str:
    """Return pip's default index, read from this Python's copy of pip; empty if there is no copy."""
    for text in _copies_of_pip():
        if found := INDEX.search(text):
            return f"{found[1].rstrip('/')}/simple"
    return ""


def _copies_of_pip() -> Iterator[str]:
    """Yield the source of pip's index module, from an installed pip, then from ensurepip; some systems have neither."""
    pip, bundle = (importlib.util.find_spec(name) for name in ("pip", "ensurepip"))
    if pip and pip.origin:
        yield Path(pip.origin).parents[1].joinpath(MODULE_OF_INDEX).read_text(encoding="utf-8")
    if bundle and bundle.origin:
        beside, systems = Path(bundle.origin).with_name("_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR")
        for wheel in Path(systems or beside).glob("pip-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                yield archive.read(MODULE_OF_INDEX).decode()


def _certificates(told: Settings, variables: Mapping[str, str]) -> str:
    named = (told.get("cert", ""), variables.get("SSL_CERT_FILE", ""), variables.get("REQUESTS_CA_BUNDLE", ""))
    return next((name for name in named if name and os.path.exists(name)), "")


def pip_settings(variables: Mapping[str, str], files: Iterable[Path]) -> Settings:
    """Return pip's settings by option name; variables override files."""
    told: Settings = {}
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself refuses to work with such a file
        for section in SECTIONS:
            if parser.has_section(section):
                told |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    own = {
        name[4:].lower().replace("_", "-"): value
        for name, value in variables.items()
        if name.startswith("PIP_") and value
    }
    return told | own


def pip_files(variables: Mapping[str, str]) -> list[Path]:
    """Return the paths of pip's configuration files, highest priority last."""
    if chosen := variables.get("PIP_CONFIG_FILE"):
        return [] if chosen == os.devnull else [Path(chosen)]
    home = Path.home()
    if sys.platform == "win32":
        shared, own = Path(variables.get("PROGRAMDATA", r"C:\ProgramData")), Path(variables.get("APPDATA", home))
        return [shared / "pip" / "pip.ini", home / "pip" / "pip.ini", own / "pip" / "pip.ini"]
    shared_folders = [Path(name, "pip") for name in variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if name]
    own_folders = [home / ".pip", Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "pip"]
    if sys.platform == "darwin":
        shared_folders = [Path("/Library/Application Support/pip")]
        own_folders.append(home / "Library" / "Application Support" / "pip")
    return [folder / "pip.conf" for folder in (*shared_folders, Path("/etc"), *own_folders)]
