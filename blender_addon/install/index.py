"""Fetch one wheel from a package index: read its page, and download a file with a known hash, resuming if needed."""

import base64
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InstallError
from ..reading import parse_json, sha256
from . import diagnosis
from .sources import Sources, default_index

LONGEST_PAGE = 64 << 20
JSON = "application/vnd.pypi.simple.v1+json"
PATIENCE, BLOCK = 60.0, 1 << 20
TOLD = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far and the total, if known; may raise to stop."""


class Unreachable(InstallError):
    """No index has the file, or none answers."""


def fetch_wheel(project: str, digests: set[str], tag: str, sources: Sources, folder: Path, told: TOLD) -> Path:
    """Return a wheel with one of these SHA-256 hashes, from the sources' folders or downloaded into `folder`.

    Args:
        tag: part of the file name that identifies the platform.
    Raises:
        Unreachable: no source has it.
        InstallError: the downloaded file is a different one.
    """
    for place in (sources.wheels, *sources.links):
        for path in sorted(Path(place).glob(f"{project}-*{tag}*.whl")) if place and Path(place).is_dir() else []:
            if sha256(path) in digests:
                return path
    if sources.wheels:
        raise Unreachable(
            f"{sources.wheels} has no wheel of {project} for this computer.",
            "Put the wheel that the add-on names into that folder.",
        )
    reasons, main = [], sources.index or default_index()
    for index in filter(None, (*sources.more, main)):
        try:
            link = _link(index, project, digests, tag, sources)
            if link:
                return download(link, folder, digests, sources, told)
            reasons.append(f"{_public(index)} does not have it")
        except OSError as error:
            reasons.append(f"{_public(index)}: {error}")
    words = "; ".join(reasons)
    if not main:  # a Python with neither pip nor ensurepip, such as Debian's
        seen = f"The installer {project} was not found ({words}), and this" if words else "This"
        raise Unreachable(f"{seen} Python knows no package index.", "Name one under Package Index in the preferences.")
    raise diagnosis.known_cause(words) or Unreachable(
        f"The installer {project} could not be downloaded ({words}).",
        f"Check the network and its proxy, {diagnosis.AGAIN}",
    )


def download(url: str, folder: Path, digests: set[str], sources: Sources, told: TOLD) -> Path:
    """Download a file atomically, resuming an earlier try, and verify that its SHA-256 is one of these.

    Raises:
        OSError: the server fails, or the disk is full.
        InstallError: the file is a different one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
    part, whole = folder / f"{name}.part", folder / name
    there = part.stat().st_size if part.exists() else 0
    try:
        _append(url, part, there, sources, told)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # everything, or more, is there already
            raise
    if sha256(part) not in digests:
        part.unlink()
        raise InstallError(
            f"{name} is not the file that was tested.", "The index may be damaged. Try again, or choose another."
        )
    part.replace(whole)
    return whole


def _append(url: str, part: Path, there: int, sources: Sources, told: TOLD) -> None:
    with _open(url, sources, {"Range": f"bytes={there}-"} if there else {}) as answer:
        goes_on = answer.status == 206
        length = answer.headers.get("Content-Length")
        total = int(length) + (there if goes_on else 0) if length else None
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                told(file.tell(), total)
        if total is not None and part.stat().st_size < total:
            raise OSError("the connection ended before the file did")


def _link(index: str, project: str, digests: set[str], tag: str, sources: Sources) -> str | None:
    """Return the URL of the wheel from an index's page; None if it is not listed."""
    page = f"{index.rstrip('/')}/{project}/"
    if page.startswith("file:"):
        file, kind = Path(urllib.request.url2pathname(page[7:]), "index.html"), "text/html"
        if not file.exists():
            return None
        text = file.read_text(encoding="utf-8")
    else:
        with _open(page, sources, {"Accept": f"{JSON}, text/html;q=0.1"}) as answer:
            text, kind, page = answer.read(LONGEST_PAGE).decode(), answer.headers.get_content_type(), answer.url
    for url, digest in _files(text, kind):
        if digest in digests and tag in url:
            return _with_password(urllib.parse.urljoin(page, url), index)
    return None


def _with_password(url: str, index: str) -> str:
    """Return a link, with the index's name and password if it leads to the same host."""
    there, asked = urllib.parse.urlsplit(url), urllib.parse.urlsplit(index)
    if not asked.username or there.hostname != asked.hostname:
        return url
    return urllib.parse.urlunsplit(there._replace(netloc=asked.netloc))


def _files(text: str, kind: str) -> list[tuple[str, str]]:
    """Return (URL, SHA-256) of each file that a page lists."""
    if kind == JSON:
        try:
            return [(str(file["url"]), str(file["hashes"].get("sha256", ""))) for file in parse_json(text)["files"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OSError("its list of files is damaged") from error
    return [(url, digest) for url, digest in re.findall(r'href="([^"#]+)#sha256=([0-9a-f]{64})"', text)]


def _open(url: str, sources: Sources, headers: dict[str, str]) -> Any:
    parts = urllib.parse.urlsplit(url)
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers = headers | {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
        url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=_trust(parts.hostname, sources))]
    if sources.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": sources.proxy, "https": sources.proxy}))
    return urllib.request.build_opener(*handlers).open(urllib.request.Request(url, headers=headers), timeout=PATIENCE)


def _trust(host: str | None, sources: Sources) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if sources.certificates:
        context.load_verify_locations(cafile=sources.certificates)
    if host in sources.unchecked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _public(index: str) -> str:
    """Return an index's URL without the name and password."""
    return re.sub(r"//[^/@]*@", "//", index)
