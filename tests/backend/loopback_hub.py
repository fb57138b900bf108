"""A hub on this machine: it serves repositories to huggingface_hub, or fails on request."""

import hashlib
import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

BLOCK = 1 << 16
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"


class LoopbackHub:
    """Serves `files` by repository and path: bytes, or a number that stands for a file of that many bytes.

    Args:
        fault: by repository, instead of an answer: a status, bytes to send as they are, seconds to wait before one, or
            "trickle", which sends a byte of it every tenth of a second.
        sent: bytes that are sent instead of a file's own, by repository and path: the description stays.
        pace: seconds between two blocks of 64 kB of a file.
        cut: bytes of a file after which the connection ends, once; the next time it goes on.
    """

    def __init__(self, files, fault=None, sent=None, pace=0.0, cut=None):
        self.files, self.fault, self.asked = files, fault or {}, []
        self.sent, self.pace, self.cut, self.tokens, self.forgotten = sent or {}, pace, cut, [], set()
        self.delivered = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads, self._server.block_on_close = True, False
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self):
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, path):
        """Return (status, headers, body) for a path of the hub."""
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            repository, rest = "/".join(parts[2:4]), parts[4:]
            wrong = self._failure(repository)
            if wrong:
                return wrong
            if rest[:1] == ["revision"] and rest[1] in self.forgotten:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b""
            if rest[:1] == ["tree"]:
                return 200, {}, json.dumps([self._entry(repository, name) for name in self.files[repository]]).encode()
            siblings = [self._sibling(repository, name) for name in self.files[repository]]
            return 200, {}, json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()
        repository, name = "/".join(parts[:2]), "/".join(parts[4:])
        body = self.files.get(repository, {}).get(name)
        if parts[2:3] != ["resolve"] or body is None:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        body = self.sent.get((repository, name), body)
        return 200, {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT}, body

    def _failure(self, repository):
        fault = self.fault.get(repository)
        if isinstance(fault, float):
            time.sleep(fault)
        if isinstance(fault, bytes):
            return 200, {}, fault
        if fault in (401, 403):
            return fault, {"X-Error-Code": "GatedRepo"}, b'{"error": "gated"}'
        if isinstance(fault, int):
            return fault, {}, b'{"error": "refused"}'
        return None if repository in self.files else (404, {"X-Error-Code": "RepoNotFound"}, b"")

    def trickles(self, path):
        return any(fault == "trickle" and repository in path for repository, fault in self.fault.items())

    def _size(self, repository, name):
        body = self.files[repository][name]
        return len(body) if isinstance(body, bytes) else body

    def _sibling(self, repository, name):
        """Describe a file as the hub does: a large one by SHA-256, a small one by git's SHA-1, an empty one by size."""
        body = self.files[repository][name]
        described = {"rfilename": name, "size": self._size(repository, name)}
        if not isinstance(body, bytes):
            return described
        if name.endswith(".json"):
            return {**described, "blobId": hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()}
        lfs = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        return {**described, "blobId": "0" * 40, "lfs": lfs}

    def _entry(self, repository, name):
        body = self.files[repository][name]
        return {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append((self.command, self.path))
                hub.tokens.append(self.headers.get("Authorization"))
                status, headers, body = hub.answer(urlsplit(self.path).path)
                asked = self.headers.get("Range")
                if asked and status == 200:
                    start, whole = int(asked.removeprefix("bytes=").partition("-")[0]), len(body)
                    status, body = 206, body[start:]
                    headers = {**headers, "Content-Range": f"bytes {start}-{whole - 1}/{whole}"}
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if self.command == "GET":
                        self._send(body, hub.trickles(self.path))
                except ConnectionError:
                    pass  # whoever asked did not wait

            do_HEAD = do_GET

            def _send(self, body, slowly):
                if not slowly:
                    self._send_blocks(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)

            def _send_blocks(self, body):
                if hub.cut is not None and len(body) > hub.cut and "/resolve/" in self.path:
                    body, hub.cut = body[: hub.cut], None
                for start in range(0, len(body), BLOCK):
                    self.wfile.write(body[start : start + BLOCK])
                    hub.delivered += len(body[start : start + BLOCK])
                    time.sleep(hub.pace if "/resolve/" in self.path else 0.0)

            def log_message(self, *_):
                """Write nothing to the terminal."""

        return Handler
