"""Reading and writing the `config.json` that accompanies a checkpoint's weights."""

import json
import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from .. import intake
from ..errors import CheckpointError
from ..intake import regular_file
from ..protocol.limits import is_whole, shown

log = logging.getLogger(__name__)
Config = TypeVar("Config", bound="JsonConfig")

LARGEST_FILE = 16 << 20
MOST, MOST_LAYERS = 1 << 20, 1000
"""Of any count, and of a network's layers: each is built before its tensors are looked for."""
LARGEST = 1e6
"""Of any other number."""
BOUNDS = {
    "num_tokens_nominal": (1, 65_536),
    "temporal_context_size": (2, 1024),
    "embed_frequency": (1, 32),
    "input_size": (1, 4096),
    "image_size": (1, 4096),
}
"""Of counts on which more than the tensors of a file depends."""


class JsonConfig:
    """Base of the networks' frozen dataclass configurations.

    A key that is absent or null takes its default, because the hub's mixin stores only the arguments that were
    passed. Keys that a network does not know (diffusers' `_class_name`, options of other tools) are ignored, with a
    line in the log. Fields that depart from the public architecture are written only when they are used, so that a
    public configuration is written as it was published.
    """

    departures: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any], source: str = "config.json") -> Config:
        """Build the configuration from a JSON object.

        Raises:
            CheckpointError: a value has the wrong type or is out of range; the message names `source`.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        ignored = sorted(name for name in values if name not in known and not name.startswith("_"))
        if ignored:
            log.info("%s: ignored %s", source, ", ".join(ignored))
        given = {name: _hashable(value) for name, value in values.items() if name in known and value is not None}
        try:
            _check_kinds(cls, given)
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"{source} does not describe a {cls.__name__}: {error}.", "Download it again."
            ) from error

    @classmethod
    def load(cls: type[Config], path: Path) -> Config:
        """Read `path`.

        Raises:
            CheckpointError: the file is missing, not JSON, or has a value that no such network can have.
        """
        return cls.from_dict(read_json(path), str(path))

    def to_dict(self) -> dict[str, Any]:
        defaults = {field.name: field.default for field in fields(self)}  # type: ignore[arg-type]
        values = asdict(self)  # type: ignore[call-overload]
        return {name: value for name, value in values.items() if name not in self.departures or value != defaults[name]}

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CheckpointError: the file is missing or not a JSON object; the message names it.
    """
    cure = "Download the checkpoint again."
    try:
        if regular_file(path).stat().st_size > LARGEST_FILE:
            raise ValueError(f"it has more than {LARGEST_FILE >> 20} MiB")
        values = intake.read_json(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing.", cure) from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error.strerror}).", cure) from error
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({_short(error)}).", cure) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} does not hold a JSON object.", cure)
    return values


def _short(error: ValueError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


def _check_kinds(config: type[JsonConfig], values: dict[str, Any]) -> None:
    """Raise ValueError if a value does not have its field's type, or is out of bounds."""
    for field in fields(config):  # type: ignore[arg-type]
        if field.name not in values:
            continue
        value, kind = values[field.name], field.type
        if kind is int:
            fits = is_whole(value, *BOUNDS.get(field.name, (1, MOST_LAYERS if "layers" in field.name else MOST)))
        elif kind is float:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LARGEST
        elif kind in (bool, str):
            fits = isinstance(value, kind)
        else:
            fits = isinstance(value, tuple) and all(is_whole(item, 0, MOST) for item in value)
        if not fits:
            raise ValueError(f"{field.name} is {shown(value)}")


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def check_odd(layers: int) -> None:
    """Raise ValueError if U-Net skips have no middle block."""
    if layers % 2 == 0:
        raise ValueError(f"num_layers is {layers}; U-Net skips need an odd number")


def check_heads(width: int, heads: int) -> None:
    """Raise ValueError if `width` cannot be cut into `heads` heads of even size."""
    if heads < 1 or width % heads or (width // heads) % 2:
        raise ValueError(f"width {width} cannot be cut into {heads} heads of even size")
