"""Mutate valid mesh files and read them: every file is read or refused with a sentence, and costs little memory.

    python -m tests.backend.mesh_fuzz FOLDER EXAMPLES [--seed SEED]

Run it as a separate program, since a fault that it looks for ends the process. FOLDER/last.* is the last file read.
"""

import argparse
import functools
import json
import logging
import resource
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from actionmesh.errors import ActionMeshError
from actionmesh.geometry.mesh_corners import load_corners
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.source_check import check_source
from tests.backend.gltf_files import BINARY_CHUNK, JSON_CHUNK, PNG, Builder, pack
from tests.backend.gltf_scenes import SCENES
from tests.backend.test_draco import compressed
from tests.backend.test_gltf_damage import face
from tests.backend.test_mesh_tolerance import FACE, TRIANGLE, VERTEX, letter_c, obj_of, ply_head, stl_binary

ADDRESSES = 3 << 30
"""Bytes of address space in addition to what the libraries took at the start."""
MEMORY = 48 << 20
"""Bytes that Python and NumPy may hold at once for one of these files, none of which has more than 20 kB."""
ODD: list[Any] = [
    -1,
    0,
    1,
    3,
    2**31,
    2**32 + 1,
    2**62,
    10**30,
    -(2**63),
    0.5,
    -0.0,
    1e308,
    1e999,
    True,
    None,
    "",
    "x",
    [],
    {},
    [0],
    [[]],
    {"a": 1},
]
WORDS = [
    b"-1",
    b"0",
    b"999999999",
    b"4294967297",
    b"1e999",
    b"nan",
    b"1e38",
    b"x",
    b"\n",
    b"/",
    b"\\",
    b"\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
]


@functools.cache
def builders() -> dict[str, Builder]:
    scenes = {name: make()[0] for name, make in SCENES.items()}
    return {**scenes, "face": face(), "draco": compressed()[0]}


@functools.cache
def plain_files() -> dict[str, bytes]:
    triangles = letter_c()[np.array([[0, 1, 2], [2, 3, 0]])]
    painted = b"mtllib coat.mtl\nusemtl coat\n" + obj_of(letter_c(), [[0, 1, 2], [2, 3, 4, 5, 6, 7]])
    painted += b"\nvt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 -3/-1/-1\nv 1 2 \\\n3\n"
    corners = (*FACE, "property list uchar float texcoord", "property uchar red")
    text = ply_head(
        "ascii", "comment TextureFile skin.png", *VERTEX, "element junk 2", "property list char short odd", *corners
    )
    text += (TRIANGLE + "2 1 2\n0\n3 0 1 2 6 0 0 1 0 0 1 9\n").encode()
    binary = ply_head("binary_big_endian", *VERTEX, *corners, "element edge 1", "property int a") + bytes(36)
    binary = binary[:-36] + np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], ">f4").tobytes()
    binary += struct.pack(">B3iB6fBi", 3, 0, 1, 2, 6, 0, 0, 1, 0, 0, 1, 9, 7)
    loops = "".join(
        "facet normal 0 0 1\nouter loop\n" + "vertex 1 2 3\nvertex 4 5 6\nvertex 7 8 1\n" + "endloop\nendfacet\n"
        for _ in "ab"
    )
    return {
        ".obj": painted,
        ".ascii.ply": text,
        ".binary.ply": binary,
        ".stl": stl_binary(triangles, b"solid"),
        ".text.stl": f"solid a\n{loops}endsolid a\n".encode(),
    }


def places(value: Any, at: tuple = ()) -> Iterator[tuple]:
    """Yield the path to every value within JSON."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, key)
        yield from places(inner, (*at, key))


def replaced(gltf: dict, draw: Callable) -> dict:
    """Return a copy with one value changed, removed, or replaced by that of another place."""
    made = json.loads(json.dumps(gltf))
    ways = list(places(made))
    way, other = ways[draw(st.integers(0, len(ways) - 1))], ways[draw(st.integers(0, len(ways) - 1))]
    value: Any = draw(st.sampled_from([*ODD, "another", "gone"]))
    holder: Any = made
    for key in way[:-1]:
        holder = holder[key]
    if value == "gone":
        del holder[way[-1]]
        return made
    if value == "another":
        value = gltf
        for key in other:
            value = value[key]
    holder[way[-1]] = value
    return made


def scrambled(data: bytes, draw: Callable) -> bytes:
    content = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 4, 9])))
        content[start:end] = draw(st.sampled_from(WORDS) | st.binary(max_size=4))
    return bytes(content[: draw(st.integers(0, len(content)))]) if draw(st.integers(0, 9)) == 0 else bytes(content)


@st.composite
def files(draw: Callable) -> tuple[str, bytes]:
    """Draw the ending and the bytes of a file that was once valid."""
    made, plain = builders(), plain_files()
    name = draw(st.sampled_from([*made, *plain]))
    if name in plain:
        return name, scrambled(plain[name], draw)
    builder, how = made[name], draw(st.integers(0, 9))
    gltf = builder.json | {"buffers": [{"byteLength": len(builder.binary)}]}
    for _ in range(draw(st.integers(0 if how < 3 else 1, 3))):
        gltf = replaced(gltf, draw)
    binary = scrambled(bytes(builder.binary), draw) if how < 3 else bytes(builder.binary)
    text = json.dumps(gltf).replace("Infinity", "1e999").replace("NaN", "null").encode()
    data = pack([(JSON_CHUNK, text, b" "), (BINARY_CHUNK, binary, b"\0")])
    return ".glb", scrambled(data, draw) if how == 9 else data


def read(path: Path) -> None:
    """Raise AssertionError unless the file is read, or refused with a sentence, at little cost."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        mesh = load_mesh(path)
        assert np.isfinite(mesh.vertices).all() and 0 <= mesh.faces.min() and mesh.faces.max() < len(mesh.vertices)
        load_corners(mesh)
        check_source(path)
    except ActionMeshError as error:
        assert error.problem.endswith(".") and path.name in str(error) and "\n" not in str(error), str(error)
        assert "memory" not in str(error), str(error)
    taken = tracemalloc.get_traced_memory()[1] - before
    assert taken < MEMORY, f"it took {taken >> 20} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("examples", type=int)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    logging.disable()
    (chosen.folder / "coat.mtl").write_text("newmtl coat\nKd 1 1 1\nmap_Kd skin.png\n")
    (chosen.folder / "skin.png").write_bytes(PNG)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES, used + ADDRESSES))
    tracemalloc.start()

    @seed(chosen.seed)
    @settings(max_examples=chosen.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(files())
    def every_file_is_read_or_refused(file: tuple[str, bytes]) -> None:
        path = chosen.folder / f"last{file[0]}"
        path.write_bytes(file[1])
        read(path)

    every_file_is_read_or_refused()
    print("read")


if __name__ == "__main__":
    main()
