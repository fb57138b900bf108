"""The data stored with an animation, as plain properties on the Key data-block, so that its curves can be remade."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.axes import FACINGS
from ..motion.timing import pose_frames
from ..motion.weights import Loop
from ..process.backend_locator import protocol
from ..reading import number, parse_json, text
from .key_blocks import LAID, LONGEST_PREFIX, PREFIX, PROPERTY
from .options import Mode, Playback

PLAIN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
MOST_POSES, LATEST, LAST_FRAME, FURTHEST = 1_000_000, 1e6, 4e6, 1e12
"""Limits on the poses, seconds, frames and local units in a record; no real animation has more."""
LONGEST_ID, LONGEST_NOTE, LONGEST_TITLE, MOST_NOTES, MOST_PIXELS = 200, 2000, 1000, 20, 100_000


@dataclass(frozen=True)
class Record:
    """One animation.

    Args:
        times: (T,) seconds, increasing; one shape key each, in order, unless there are weights.
        start_frame: scene frame of the first pose.
        frames_per_second: of the scene when it was written.
        reference_frame: index into the times of the pose that is the basis.
        mode: relative or absolute keys.
        playback: strength, speed, loop.
        provenance: how the motion was made.
        job: id of the job.
        facing, scale, origin: how the job's mesh lies in the object, as in `options.WriteOptions`.
        shape: the 9 numbers of the matrix by which it was shown, see `motion.world_shape`.
        weights: (T, K) of K keys that are mixed in every pose; empty if each pose has its own key.
        title: the name of the clip, or of the object that the motion comes from; empty in files of earlier versions.
        keys: what the names of its shape keys begin with.
    Raises:
        ValueError: there are no times, or numbers are out of range.
    """

    times: tuple[float, ...]
    start_frame: float
    frames_per_second: float
    reference_frame: int
    mode: Mode = Mode.RELATIVE
    playback: Playback = field(default_factory=Playback)
    provenance: dict[str, Any] = field(default_factory=dict)
    job: str = ""
    weights: tuple[tuple[float, ...], ...] = ()
    facing: str = "NEG_Y"
    scale: float = 1.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shape: tuple[float, ...] = PLAIN
    title: str = ""
    keys: str = PREFIX

    def __post_init__(self) -> None:
        if not self.times:
            raise ValueError("The record of an animation has no times.")
        if self.facing not in FACINGS or not 0 < self.scale < math.inf:
            raise ValueError(f"The record of an animation faces {self.facing!r} at a scale of {self.scale}.")
        if len(self.shape) != 9 or not abs(np.linalg.det(self.shape_matrix)) > 0:
            raise ValueError(f"The record of an animation was shown by the matrix {self.shape}.")

        times = np.array(self.times)
        if len(times) > MOST_POSES or not (np.abs(times) <= LATEST).all() or (np.diff(times) <= 0).any():
            raise ValueError("The times of an animation do not increase.")
        if not 0 <= self.reference_frame < len(times):
            raise ValueError(f"An animation of {len(times)} poses has number {self.reference_frame} as its reference.")
        number(self.start_frame, -LAST_FRAME, LAST_FRAME)
        number(self.frames_per_second, 1e-3, LATEST)
        weights = np.array([weight for row in self.weights for weight in row], np.float64)
        if not (np.abs(self.frames) <= LAST_FRAME).all() or not (np.abs([*self.origin, *weights]) <= FURTHEST).all():
            raise ValueError("The record of an animation has numbers that are out of range.")

    @property
    def shape_matrix(self) -> np.ndarray:
        """(3, 3), from the object's coordinates to those in which it was shown."""
        return np.array(self.shape, np.float64).reshape(3, 3)

    @property
    def key_count(self) -> int:
        """K, the number of shape keys of the animation."""
        return len(self.weights[0]) if self.weights else len(self.times)

    @property
    def key_weights(self) -> np.ndarray:
        """(T, K) weight of each key in each pose, at strength 1."""
        return np.array(self.weights) if self.weights else np.eye(len(self.times))

    @property
    def fit(self) -> protocol.Fit | None:
        """How it fits its clip; None if the version that made it stored nothing about that, or nothing readable."""
        try:
            return _checked(protocol.read(protocol.Fit, self.provenance["fit"], "fit"))
        except (KeyError, ValueError, protocol.ProtocolError):
            return None

    @property
    def film_rate(self) -> float | None:
        """Frames per second that were given for the clip; None if its own were used."""
        try:
            return number(self.provenance.get("fps"), 1e-3, LATEST)
        except ValueError:
            return None

    @property
    def film_start(self) -> int:
        """The clip's frame, counted from 0, at which the motion begins."""
        try:
            return int(number(self.provenance["frames"]["start"], 0, 2**31))
        except (KeyError, TypeError, ValueError):
            return 0

    @property
    def frames(self) -> np.ndarray:
        """(T,) scene frames of the poses."""
        return pose_frames(np.array(self.times), self.start_frame, self.frames_per_second, self.playback.speed)


def write_record(key: bpy.types.Key, record: Record) -> None:
    """Store the active result's record with the Key."""
    key[PROPERTY] = _flat(record)


def _flat(record: Record) -> dict[str, Any]:
    """Return a record as plain properties, which Blender cannot nest in lists."""
    flat = asdict(record) | {"mode": str(record.mode), "provenance": json.dumps(record.provenance)}
    playback, rows = flat.pop("playback"), flat.pop("weights")
    if rows:
        flat["weights"] = [weight for row in rows for weight in row]
    lists = {name: list(getattr(record, name)) for name in ("times", "origin", "shape")}
    flat |= playback | lists | {"loop": str(record.playback.loop)}
    return flat


def read_record(key: bpy.types.Key) -> Record | None:
    """Return the record of a Key's active result; None if it has none, or one that cannot be read."""
    return _read(key.get(PROPERTY))


def read_laid(key: bpy.types.Key) -> dict[str, Record]:
    """Return the records of the results on tracks by their prefixes, without those that cannot be read."""
    kept = key.get(LAID)
    found = {prefix: _read(kept[prefix]) for prefix in kept.keys()} if hasattr(kept, "keys") else {}
    return {prefix: record for prefix, record in found.items() if record is not None and record.keys == prefix}


def write_laid(key: bpy.types.Key, records: dict[str, Record]) -> None:
    """Store the records of the results on tracks with the Key."""
    if records:
        key[LAID] = {prefix: _flat(record) for prefix, record in records.items()}
    elif LAID in key:
        del key[LAID]


def _read(kept: Any) -> Record | None:
    if kept is None:
        return None
    try:
        return Record(
            times=tuple(float(time) for time in kept["times"]),
            start_frame=float(kept["start_frame"]),
            frames_per_second=float(kept["frames_per_second"]),
            reference_frame=int(kept["reference_frame"]),
            mode=Mode(kept["mode"]),
            playback=Playback(float(kept["strength"]), float(kept["speed"]), Loop(kept["loop"])),
            provenance=dict(parse_json(kept["provenance"])),
            job=text(kept["job"], LONGEST_ID),
            facing=str(kept.get("facing", Record.facing)),
            scale=float(kept.get("scale", Record.scale)),
            origin=_place(kept.get("origin", Record.origin)),
            shape=tuple(float(value) for value in kept.get("shape", PLAIN)),
            weights=_rows(kept.get("weights", ()), len(kept["times"])),
            title=text(kept.get("title", ""), LONGEST_TITLE),
            keys=_prefix(kept.get("keys", PREFIX)),
        )
    except (ArtistError, AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _checked(fit: protocol.Fit) -> protocol.Fit:
    """Return `fit`; raise ValueError if the panels or a camera could not use it."""
    if len(fit.notes) > MOST_NOTES:
        raise ValueError(f"{len(fit.notes)} notes")
    for note in fit.notes:
        text(note, LONGEST_NOTE)
    camera = fit.camera
    if camera is not None:
        if len(camera.matrix) != 16 or (camera.focal is None) == (camera.pixel is None):
            raise ValueError("the camera is not usable")
        number(camera.pixel if camera.focal is None else camera.focal, 1e-9, FURTHEST)
        for size in (camera.width, camera.height):
            number(size, 1, MOST_PIXELS)
    return fit


def _rows(weights: Any, poses: int) -> tuple[tuple[float, ...], ...]:
    """Split the weights into one row per pose, since Blender cannot store nested lists."""
    return tuple(map(tuple, np.array(weights, np.float64).reshape(poses, -1).tolist())) if len(weights) else ()


def _prefix(value: Any) -> str:
    if not text(value, LONGEST_PREFIX) or len(value.encode()) > LONGEST_PREFIX:
        raise ValueError(f"The shape keys of an animation are called {value!r}.")
    return str(value)


def _place(values: Any) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def remove_record(key: bpy.types.Key) -> None:
    """Remove the active result's record, if there is one."""
    if PROPERTY in key:
        del key[PROPERTY]
