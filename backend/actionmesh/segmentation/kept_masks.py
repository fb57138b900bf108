"""Masks of a subject as pictures in a folder beside the job, used again when the same clip and picks come again.

A mask that was corrected by hand in the folder counts as corrected. A folder that this module did not write, or that
holds corrected masks of other picks, is never touched.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..files.atomic import write_atomically
from ..intake import open_picture, read_json, regular_file
from ..media.clip import Clip
from ..media.scratch import ScratchFile
from .found import Found, coded
from .hints import FramePicks

FACTS = "masks.json"
VERSION = 2
"""To be raised when the same clip would get other masks."""
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a folder raises that is damaged or holds something else."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MaskFolder:
    """A folder with `masks.json` and one picture for each frame, at the size of the clip's own frames."""

    path: Path

    def read(self, key: str) -> Found | None:
        """Return the masks of the clip and picks that `key` stands for; None if the folder has others, or not all."""
        try:
            facts = self._facts()
            if facts["key"] != key:
                return None
            doubt = facts["doubt"]
            if doubt is not None and not 0 <= doubt <= 1:
                return None
            return Found([self._mask(name) for name in facts["frames"]], doubt)
        except DAMAGE:
            return None

    def write(self, masks: "Masks", doubt: float | None, key: str, indices: np.ndarray) -> str | None:
        """Write all masks or none; return a sentence if that is not possible, because the job goes on without."""
        if not self._is_free():
            return f"The masks were not kept, because {self.path} holds something else."
        if corrected := self.corrected():
            return (
                f"The masks were not kept, because {corrected[0]} in {self.path} was corrected by hand. Move or delete "
                "that folder to have the new ones."
            )
        names = [f"mask_{index:06d}.png" for index in indices]

        def write(part: Path) -> None:
            part.mkdir()
            digests = {}
            for name, mask in zip(names, masks, strict=True):
                (part / name).write_bytes(mask)
                digests[name] = digest_of(mask)
            facts = {"version": VERSION, "key": key, "doubt": doubt, "frames": names, "digests": digests}
            (part / FACTS).write_text(json.dumps(facts), encoding="utf-8")

        try:
            write_atomically(self.path, write)
        except OutputError as error:
            return f"The masks were not kept: {error.problem}"
        return None

    def _facts(self) -> dict:
        return read_json(regular_file(self.path / FACTS).read_bytes())

    def corrected(self) -> list[str]:
        """Return the names of the masks that are other pictures than those that were written."""
        try:
            return [name for name, digest in self._facts()["digests"].items() if self._differs(name, digest)]
        except DAMAGE:
            return []

    def _is_free(self) -> bool:
        """Return whether the folder is missing or was written by this module."""
        try:
            return not os.path.lexists(self.path) or isinstance(self._facts()["digests"], dict)
        except DAMAGE:
            return False

    def _differs(self, name: str, digest: str) -> bool:
        """Return whether a mask is a picture, but not the one that was written: one that is damaged or gone is none."""
        try:
            self._mask(name)
            return digest_of((self.path / name).read_bytes()) != digest
        except DAMAGE:
            return False

    def _mask(self, name: str) -> bytes:
        """Return a mask as PNG, whatever picture it is now; raise ValueError or OSError if it is none."""
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{name!r} is not a name")
        with open_picture(self.path / name) as image:
            return coded(np.asarray(image.convert("L")))


class Masks:
    """Masks as PNG files, kept on disk while a job runs."""

    def __init__(self) -> None:
        self._file, self._ends = ScratchFile("The subject's masks"), [0]

    def append(self, mask: np.ndarray) -> None:
        """Append a mask (H, W) uint8."""
        data = memoryview(coded(mask))
        self._ends.append(self._file.append(data) + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self):
        for start, end in pairwise(self._ends):
            data = bytearray(end - start)
            self._file.read_into(memoryview(data), start)
            yield bytes(data)


def digest_of(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()


def key_of(clip: Clip, pointed: Mapping[int, FramePicks], way: str) -> str:
    """Return what stands for a clip's chosen frames, the picks and the way of finding it, down to the network."""
    picked = {number: [part.tolist() for part in vars(picks).values()] for number, picks in pointed.items()}
    digest = blake2b(json.dumps([VERSION, way, clip.indices.tolist(), picked]).encode(), digest_size=20)
    for frame in clip.frames:
        digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()
