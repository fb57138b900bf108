"""Damage the files of a checkpoint and load it: anything but networks or a typed error is a failure.

    python -m tests.backend.checkpoint_fuzz FOLDER EXAMPLES

Run it as a separate program, since a damaged file may request a lot of memory, which the program limits. FOLDER is a
checkpoint; its files are restored after each example.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionmesh.errors import ActionMeshError
from actionmesh.memory.model import open_model

MEMORY = 8 << 30
PARTS = ("image_encoder", "image_to_3d", "shape_vae", "temporal_denoiser", "temporal_autoencoder")
ODD: list[Any] = [-1, 0, 2**31, 2**62, 10**400, 1e308, "x", "", [], {}, None, True, [[]], 0.5, "\u0000"]


@st.composite
def damaged(draw: st.DrawFn, files: list[Path]) -> tuple[Path, bytes]:
    """Draw a file, and what became of its bytes: a value replaced in JSON, or bytes where a file describes itself."""
    path = draw(st.sampled_from(files))
    data = path.read_bytes()
    if path.suffix == ".json" and draw(st.integers(0, 9)) < 7:
        values = json.loads(data)
        values[draw(st.sampled_from([*values, "strange"]))] = draw(st.sampled_from(ODD))
        return path, json.dumps(values).encode()
    described = len(data) if path.suffix == ".json" else 8 + int.from_bytes(data[:8], "little")
    spoilt = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        spoilt[draw(st.integers(0, described - 1))] = draw(st.integers(0, 255))
    return path, bytes(spoilt[: draw(st.integers(0, len(spoilt)))] if draw(st.integers(0, 4)) == 0 else spoilt)


def load(folder: Path) -> None:
    """Load every part of a checkpoint."""
    model = open_model(folder, "cpu")
    facts, networks = model.facts, model.networks
    with networks.job("shape_vae"):
        facts.preset("demo"), facts.image_preprocessing(), facts.image_to_3d_shift, model.runtime.plan
        for part in PARTS:
            getattr(networks, part)
    networks.unload()


def main(folder: Path, examples: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 1000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(files))
    def networks_or_a_typed_error(example: tuple[Path, bytes]) -> None:
        path, spoilt = example
        whole = path.read_bytes()
        path.write_bytes(spoilt)
        try:
            load(folder)
        except ActionMeshError as error:
            assert error.problem
        finally:
            path.write_bytes(whole)

    networks_or_a_typed_error()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
