"""Ask the hub how large the files of a download are. Without a usable answer, the estimate and the reason are returned.

The hub is the one that huggingface_hub uses; HF_ENDPOINT, HF_HUB_OFFLINE and a saved login apply. Nothing is
downloaded.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from .public import Download

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

TIMEOUT = 5.0
"""Seconds for all answers together."""
SILENT = "the hub does not answer"
UNCLEAR = "the hub's answer cannot be understood"
LOGIN = "accept the terms on its page, and log in with `hf auth login`"
REFUSALS = {401: LOGIN, 403: LOGIN, 404: "the hub does not know it"}
MALFORMED = (ValueError, TypeError, KeyError, AttributeError)
"""What huggingface_hub raises for an answer that is not JSON, or not what it expects."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a download's files by path; `doubt` says why they are estimates, and is empty if the hub gave them."""

    bytes: Mapping[str, int]
    doubt: str = ""

    @classmethod
    def estimated(cls, download: Download, doubt: str) -> "Sizes":
        return cls({file.path: file.estimated_bytes for file in download.files}, doubt)


def ask_sizes(downloads: Sequence[Download], timeout: float = TIMEOUT, endpoint: str | None = None) -> list[Sizes]:
    """Ask for the sizes of all downloads at once; return after `timeout` seconds at the latest.

    Args:
        endpoint: address of the hub; None means huggingface_hub's.
    """
    with suppress(Exception):  # if it cannot read a setting, each download reports that
        import_module("huggingface_hub.hf_api")  # slow, and not the hub's fault: done before the time limit starts
    answers: dict[str, Sizes] = {}

    def ask(download: Download) -> None:
        answers[download.hub_id] = ask_size(download, timeout, endpoint)

    # huggingface_hub's timeout applies to each part of an answer, and not to looking up a name. Daemon threads can be
    # abandoned.
    threads = [Thread(target=ask, args=(download,), daemon=True) for download in downloads]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [answers.get(download.hub_id, Sizes.estimated(download, SILENT)) for download in downloads]


def ask_size(download: Download, timeout: float = TIMEOUT, endpoint: str | None = None) -> Sizes:
    """Return the sizes of one download; if anything goes wrong, its estimates."""
    try:
        from huggingface_hub import HfApi

        info = HfApi(endpoint=endpoint).model_info(
            download.hub_id, revision=download.revision, timeout=timeout, files_metadata=True
        )
        return _sizes(download, info)
    except Exception as error:  # of the hub, the network or their library: the user still gets the estimates
        return Sizes.estimated(download, _doubt(error))


def _sizes(download: Download, info: "ModelInfo") -> Sizes:
    """Return the sizes of the download's own files, ignoring what else the repository holds."""
    listed = {sibling.rfilename: sibling.size for sibling in info.siblings or ()}
    absent = [file.path for file in download.files if file.needed and file.path not in listed]
    if absent:
        return Sizes.estimated(download, f"the hub does not list {absent[0]}")
    sizes = {path: listed[path] for path in download.patterns if path in listed}
    counted = {path: size for path, size in sizes.items() if type(size) is int and size > 0}
    return Sizes(counted) if len(counted) == len(sizes) else Sizes.estimated(download, UNCLEAR)


def _doubt(error: Exception) -> str:
    """Return in a few words why there is no size."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return f"{REFUSALS.get(status, 'the hub failed')} ({status})"
    return UNCLEAR if isinstance(error, MALFORMED) else SILENT
