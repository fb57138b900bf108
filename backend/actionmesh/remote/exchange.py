"""Files on their way: what the other computer lacks of a parcel is sent, and results are fetched and put in place."""

import hashlib
import itertools
import json
import queue
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, overload

from ..errors import InputError, RemoteError
from ..files.atomic import try_place, write_atomically
from .channel import Channel
from .frames import Frame
from .parcel import Parcel, digest

CHUNK = 1 << 18
LOOK_SECONDS = 0.1
TRIES = 2
"""Times that a file is sent or fetched until it counts as damaged on the way."""
Check = Callable[[], object]
Report = Callable[[int, int], object]
"""Receives the bytes that have arrived, and how many there are."""


class Exchange:
    """Sends and fetches over a channel.

    Args:
        host: names the other computer in sentences.
        why_lost: returns why the channel will not carry any more, or None.
    """

    def __init__(self, channel: Channel, host: str, why_lost: Callable[[], RemoteError | None]):
        self._channel, self._host, self._why_lost = channel, host, why_lost
        self._asks, self._jobs = itertools.count(1), itertools.count(1)
        self._heard: dict[int, queue.SimpleQueue[Frame]] = {}
        self._folders: dict[int, str] = {}

    def next_job(self) -> int:
        return next(self._jobs)

    def folder_of(self, job: int) -> str:
        """Return the folder of a job on the other computer; empty if it has none."""
        return self._folders.get(job, "")

    def hear(self, frame: Frame) -> None:
        """Take an answer; what nobody waits for any more is dropped."""
        ask = frame.facts.get("ask")
        if isinstance(ask, int) and ask in self._heard:
            self._heard[ask].put(frame)

    def send(self, job: int, parcel: Parcel, report: Report, check: Check) -> str:
        """Send what the other computer lacks, and make the job's folder there; return that folder.

        Args:
            check: called all along; raises to give up. What was sent stays there.
        Raises:
            OutputError: a result could not be written on this computer; nothing was sent.
            RemoteError: the other computer cannot take the files.
            InputError: a file cannot be read, or changes.
        """
        for result in parcel.results:
            try_place(Path(parcel.own[result.rstrip("/")]))
        check()
        digests = {}
        for name, path in parcel.files.items():
            digests[name] = digest(path)
            check()
        paths = {digests[name]: path for name, path in parcel.files.items()}
        self._send_missing(paths, report, check)
        files = [[digests[name][0], name] for name in parcel.files]
        results = [str(Path(path).parent.as_posix()) for path in parcel.results]
        body = json.dumps({"job": job, "files": files, "results": results}).encode()
        self._folders[job] = str(self._ask("place", check, body)["folder"])
        return self._folders[job]

    def _send_missing(self, paths: dict[tuple[str, int], Path], report: Report, check: Check) -> None:
        held = self._ask("have", check, json.dumps(list(paths)).encode())["held"]
        lacking = [(key, path, int(there)) for (key, path), there in zip(paths.items(), held, strict=True)]
        lacking = [each for each in lacking if each[2] < each[0][1] or not each[0][1]]
        total, before = sum(size - there for (_, size), _, there in lacking), 0
        if total:
            report(0, total)
        for (sha, size), path, there in lacking:
            self._send_file(sha, size, path, there, partial(_report_sum, report, before - there, total), check)
            before += size - there

    def _send_file(
        self, sha: str, size: int, path: Path, there: int, arrived: Callable[[int], None], check: Check
    ) -> None:
        """Send a file from its byte `there` on; if it arrives damaged, which an old beginning may be, all of it."""
        for _ in range(TRIES):
            with path.open("rb") as file:
                there = self._send_rest(file, sha, size, there, arrived, check)
            if there == size:
                return
        changed = f"{path} changed while it was being sent to {self._host}, or arrives there damaged."
        raise InputError(changed, "Wait until nothing writes to it, then run the job again.")

    def _send_rest(
        self, file: BinaryIO, sha: str, size: int, there: int, arrived: Callable[[int], None], check: Check
    ) -> int:
        """Send a file's bytes behind `there`; return how many are there, which is all of them if they are right."""
        ask, unanswered, over = self._new_ask(), 0, False
        file.seek(there)
        try:
            while not over:
                chunk = file.read(min(CHUNK, size - there))
                self._channel.send("put", chunk, self._checked(check), ask=ask, sha=sha, at=there, size=size)
                there, unanswered = there + len(chunk), unanswered + 1
                over = not chunk or there >= size
                while unanswered and (frame := self._next(ask, check, wait=over)):
                    held, unanswered = int(_facts_of(frame, self._host)["held"]), unanswered - 1
                    arrived(held)
            return held
        finally:
            self._heard.pop(ask, None)

    def fetch(self, job: int, names: tuple[str, ...], outs: tuple[str, ...], report: Report, check: Check) -> None:
        """Fetch the results of a job and put each in place, complete or not at all.

        Args:
            names: of the results in the job's folder there; outs: their places here.
        Raises:
            OutputError: one cannot be written here.
            RemoteError: one does not arrive whole.
        """
        for name, out in zip(names, outs, strict=True):
            for tried in range(TRIES):
                try:
                    write_atomically(
                        Path(out), partial(self._receive, job, name.rstrip("/"), report=report, check=check)
                    )
                    break
                except _Damaged as error:
                    if tried == TRIES - 1:
                        raise RemoteError(
                            f"The result {Path(out).name} arrives damaged from {self._host}.", "Run the job again."
                        ) from error

    def drop(self, job: int, keep: bool) -> None:
        """Remove the folder of a job there, or keep it for some days."""
        if self._folders.pop(job, None) and self._why_lost() is None:
            self._channel.send("drop", job=job, keep=keep, ask=0)

    def _receive(self, job: int, name: str, part: Path, report: Report, check: Check) -> None:
        """Write one result, a file or a folder, as it arrives."""
        ask = self._new_ask()
        try:
            self._channel.send("fetch", job=job, name=name, ask=ask)
            frame = self._next(ask, check)
            listed: Any = json.loads(frame.payload) if frame.kind == "found" else _facts_of(frame, self._host)
            found = [(str(entry[0]), int(entry[1]), str(entry[2])) for entry in listed]
            total, before = sum(size for _, size, _ in found), 0
            report(0, max(total, 1))
            for inner, size, sha in found:
                path = part / _below(inner) if inner else part
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    self._receive_file(ask, file, size, sha, partial(_report_sum, report, before, total), check)
                before += size
            self._next(ask, check)
            report(max(total, 1), max(total, 1))
        finally:
            self._heard.pop(ask, None)
            self._channel.send("stop", ask=ask)

    def _receive_file(
        self, ask: int, file: BinaryIO, size: int, sha: str, arrived: Callable[[int], object], check: Check
    ) -> None:
        seen, here = hashlib.sha256(), 0
        while here < size:
            frame = self._next(ask, check)
            if frame.kind != "data":
                _facts_of(frame, self._host)
                raise _Damaged
            file.write(frame.payload)
            seen.update(frame.payload)
            here += len(frame.payload)
            arrived(here)
        if here != size or seen.hexdigest() != sha:
            raise _Damaged

    def _ask(self, kind: str, check: Check, payload: bytes, **facts: Any) -> dict[str, Any]:
        """Ask the other side; return the facts of its answer."""
        ask = self._new_ask()
        try:
            self._channel.send(kind, payload, self._checked(check), ask=ask, **facts)
            return _facts_of(self._next(ask, check), self._host)
        finally:
            self._heard.pop(ask, None)

    def _new_ask(self) -> int:
        ask = next(self._asks)
        self._heard[ask] = queue.SimpleQueue()
        return ask

    @overload
    def _next(self, ask: int, check: Check) -> Frame: ...
    @overload
    def _next(self, ask: int, check: Check, wait: bool) -> Frame | None: ...
    def _next(self, ask: int, check: Check, wait: bool = True) -> Frame | None:
        """Return the next answer; without `wait`, None if it is not there yet."""
        while True:
            with suppress(queue.Empty):
                return self._heard[ask].get(wait, LOOK_SECONDS)
            self._checked(check)()
            if not wait:
                return None

    def _checked(self, check: Check) -> Check:
        def checked() -> None:
            check()
            if (lost := self._why_lost()) is not None:
                raise lost

        return checked


def _report_sum(report: Report, before: int, total: int, here: int) -> None:
    """Report the bytes of one file that are here, among those of all."""
    report(min(max(before + here, 0), total), max(total, 1))


class _Damaged(Exception):
    """What arrived is not what was sent."""


def _facts_of(frame: Frame, host: str) -> dict[str, Any]:
    """Return what an answer says; raise RemoteError if it says that something went wrong."""
    facts: dict[str, Any] = json.loads(frame.payload)
    if fault := facts.get("fault"):
        raise RemoteError(
            f"{host} reported an error: {fault}.", "Check the free space there, and the rights of that folder."
        )
    return facts


def _below(name: str) -> Path:
    """Return a relative path that stays within its folder; raise ValueError for any other."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or path.drive or "\\" in name or ":" in name:
        raise ValueError(f"{name!r:.80} leads out of its folder")
    return path
