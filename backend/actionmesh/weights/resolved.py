"""Ask the hub for a download's current commit, sizes and checksums; a refusal becomes one sentence with its cure.

`hub.py` asks for estimates and never fails; here an answer is required before the download starts.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import DownloadError
from .public import Download, PublicFile

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

TIMEOUT = 20.0
"""Seconds for each part of an answer."""
AGAIN = "Run the download again; it continues where it stopped."


@dataclass(frozen=True)
class HubFile:
    """A file as the hub describes it; a checksum that the hub does not give is None.

    Args:
        sha256: of a large file's bytes.
        git_sha1: of a small file, as git computes it.
    """

    path: str
    bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def checksum(self) -> str | None:
        return self.sha256 or self.git_sha1


@dataclass(frozen=True)
class Resolved:
    """A download at one commit."""

    download: Download
    revision: str
    files: tuple[HubFile, ...]


def resolve(download: Download, revision: str | None = None, endpoint: str | None = None) -> Resolved:
    """Return the hub's description of the files of `download`.

    Args:
        revision: a commit to continue with, if the hub knows it; otherwise the registry's, or the newest one.
        endpoint: address of the hub; None means huggingface_hub's.

    Raises:
        DownloadError: the hub refuses, does not answer, or contradicts the registry.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    wanted = download.revision or revision
    try:
        info = HfApi(endpoint=endpoint).model_info(
            download.hub_id, revision=wanted, timeout=TIMEOUT, files_metadata=True
        )
        return _resolved(download, info)
    except DownloadError:
        raise
    except RevisionNotFoundError as error:
        if wanted is None or wanted == download.revision:
            raise hub_error(download, error) from error
        return resolve(download, None, endpoint)
    except Exception as error:  # of the hub, the network or their library: each becomes one sentence
        raise hub_error(download, error) from error


def _resolved(download: Download, info: "ModelInfo") -> Resolved:
    listed = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    paths = {file: parts_of(file, listed) for file in download.files}
    missing = [file.path for file, parts in paths.items() if file.needed and not parts]
    if missing:
        raise DownloadError(f"The hub does not list {missing[0]} of {download.hub_id}.", f"Look at {download.page}.")
    files = tuple(
        _described(download, replace(file, path=path), listed[path]) for file, parts in paths.items() for path in parts
    )
    if not isinstance(info.sha, str) or not info.sha:
        raise DownloadError(f"The hub does not name the revision of {download.hub_id}.", AGAIN)
    return Resolved(download, info.sha, files)


def parts_of(file: PublicFile, listed: Collection[str]) -> tuple[str, ...]:
    """Return the paths of a repository that hold a file: its own, or its shards and then their index."""
    if file.path in listed:
        return (file.path,)
    if not file.sharded or file.index not in listed:
        return ()
    return (*sorted(path for path in listed if file.is_shard(path)), file.index)


def _described(download: Download, file: PublicFile, sibling: Any) -> HubFile:
    """Return a file as the hub describes it; raise DownloadError if that contradicts the registry."""
    large = sibling.lfs
    size, sha256 = sibling.size, large.sha256 if large else None
    if type(size) is not int or size <= 0:
        raise DownloadError(f"The hub does not say how large {file.path} of {download.hub_id} is.", AGAIN)
    for known, told in ((file.bytes, size), (file.sha256, sha256)):
        if known is not None and known != told:
            problem = f"{file.path} of {download.hub_id} on the hub is not the file that ActionMesh expects."
            raise DownloadError(problem, "Update ActionMesh, or report it.")
    return HubFile(file.path, size, sha256, None if large else sibling.blob_id)


def hub_error(download: Download, error: Exception) -> DownloadError:
    """Return the error for an exception of huggingface_hub or its connection."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return DownloadError(
            "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids asking the hub.", "Unset it, and try again."
        )
    if isinstance(error, HfHubHTTPError):
        return _refusal(download, error.response.status_code)
    return DownloadError(f"The hub does not answer for {download.hub_id}.", f"Check the network. {AGAIN}")


def _refusal(download: Download, status: int) -> DownloadError:
    if status in (401, 403):
        return DownloadError(
            f"The hub gives {download.hub_id} only to users who are logged in and have accepted its terms ({status}).",
            f"Accept them on {download.page}, then provide a token: in HF_TOKEN, with `hf auth login`, or in Blender's "
            "preferences.",
        )
    if status == 404:
        return DownloadError(
            f"The hub does not know {download.hub_id} or a file of it (404).", "Update ActionMesh, or report it."
        )
    return DownloadError(f"The hub failed for {download.hub_id} ({status}).", f"Try again later. {AGAIN}")
