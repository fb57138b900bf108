"""Repair of a source's document before an animation is added: damaged decoration is left out, and the notes name it.

Any other damage is refused, even before the first stage: see `source_check`.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import MeshError
from ..geometry.gltf_accessors import entry_of
from ..geometry.gltf_pose import skin_of
from ..geometry.gltf_scene import has_triangles
from ..geometry.reading import DAMAGED
from .gltf_document import FLOAT, Document, add_to
from .gltf_players import tidy_animations
from .source_pictures import strip

BROKEN = (MeshError, *DAMAGED)
LEAST_OFF = 1e-3
"""How far a rotation's length, or the sum of a vertex's weights, may be from 1 before it is normalised."""
WIDTHS = {"NORMAL": (3,), "TANGENT": (4,), "COLOR": (3, 4), "TEXCOORD": (2,), "JOINTS": (4,), "WEIGHTS": (4,)}


def tidy(document: Document) -> None:
    """Leave out what cannot be kept; the document's notes name it."""
    _turn_by_unit_rotations(document.json)
    for index, mesh in enumerate(document.json.get("meshes", [])):
        name = f"meshes[{index}]"
        _drop_broken_parts(document, mesh, name)
        for primitive in mesh["primitives"]:
            if "POSITION" in primitive["attributes"]:
                _tidy_attributes(document, primitive, name)
                _tidy_targets(document, primitive, name)
                _tidy_weights_of_joints(document, primitive)
        _even_targets(document, mesh, name)
        _tidy_weights_and_names(document, mesh, name)
    tidy_animations(document)


def _turn_by_unit_rotations(gltf: dict) -> None:
    for node in gltf.get("nodes", []):
        length = np.linalg.norm(node.get("rotation", (0, 0, 0, 1)))
        if length and abs(length - 1) > LEAST_OFF:
            node["rotation"] = (np.array(node["rotation"]) / length).tolist()


def _drop_broken_parts(document: Document, mesh: dict, name: str) -> None:
    """Drop lines and points whose numbers cannot be read; surfaces have already been read."""
    kept = []
    for primitive in mesh["primitives"]:
        surface, placed = has_triangles(primitive), "POSITION" in primitive["attributes"]
        if placed and not surface and not _reads(_read_part, document, primitive):
            document.notes.append(f"The lines or points of {name} were left out: their numbers are damaged.")
            for accessor in (*primitive["attributes"].values(), primitive.get("indices")):
                _blank(document, accessor)
        else:
            kept.append(primitive)
    mesh["primitives"] = kept


def _read_part(document: Document, primitive: dict) -> bool:
    positions = document.array(primitive["attributes"]["POSITION"])
    corners = document.array(primitive["indices"]) if "indices" in primitive else np.zeros((1, 1))
    return positions.shape[1] == 3 and bool(corners.max(initial=0) < len(positions))


def _tidy_attributes(document: Document, primitive: dict, name: str) -> None:
    attributes = primitive["attributes"]
    count = _count(document, primitive)
    for attribute in [key for key in attributes if key != "POSITION"]:
        if attribute.startswith("TEXCOORD_"):
            _mend_uv(document, attributes, attribute, name)
        if not _reads(_fits, document, attributes[attribute], attribute, count):
            _blank(document, attributes.pop(attribute))
            _paint_without(document.json, primitive, attribute)
            document.notes.append(f"{attribute} of {name} was left out: it is damaged, or not one for each vertex.")
    if "NORMAL" not in attributes:
        attributes.pop("TANGENT", None)
    if "material" in primitive and not _reads(entry_of, document.json, "materials", primitive["material"]):
        del primitive["material"]
        document.notes.append(f"A material of {name} was left out: it does not exist in the file.")


def _mend_uv(document: Document, attributes: dict, attribute: str, name: str) -> None:
    """Set UVs that are not numbers, which some exporters write, to 0, so that all other corners keep their texture."""
    if not _reads(document.array, attributes[attribute]):
        return
    uv = document.array(attributes[attribute]).astype(np.float64)
    if uv.shape[1] == 2 and not np.isfinite(uv).all():
        attributes[attribute] = document.add_uv(np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0))
        document.notes.append(f"{attribute} of {name} is not a number at some vertices; these use 0 instead.")


def _blank(document: Document, accessor: Any) -> None:
    """Replace an unreadable accessor that is no longer used by a single zero, since players may still read it."""
    if _reads(document.array, accessor) or not _reads(entry_of, document.json, "accessors", accessor):
        return
    entry = document.json["accessors"][accessor]
    if _reads(entry_of, document.json, "bufferViews", entry.get("bufferView")):
        document.json["bufferViews"][entry["bufferView"]].pop("byteStride", None)
    entry.clear()
    entry |= {"componentType": FLOAT, "count": 1, "type": "SCALAR"}


def _paint_without(gltf: dict, primitive: dict, attribute: str) -> None:
    """Give a primitive that lost a UV set its own material, without the textures that use that set."""
    kind, _, number = attribute.partition("_")
    if kind == "TEXCOORD" and number.isdigit() and _reads(entry_of, gltf, "materials", primitive.get("material")):
        plain = copy.deepcopy(gltf["materials"][primitive["material"]])
        strip(plain, lambda use: use.get("texCoord", 0) == int(number))
        primitive["material"] = add_to(gltf, "materials", plain)


def _fits(document: Document, accessor: int, attribute: str, count: int) -> bool:
    values = document.array(accessor)
    widths = WIDTHS.get(attribute.split("_")[0], (values.shape[1],))
    return len(values) == count and values.shape[1] in widths and bool(np.isfinite(values).all())


def _tidy_targets(document: Document, primitive: dict, name: str) -> None:
    """Replace unreadable values of morph targets by zeros, and drop those of attributes that the primitive lacks."""
    count = _count(document, primitive)
    for target in primitive.get("targets", []):
        for attribute in list(target):
            if attribute not in primitive["attributes"]:
                del target[attribute]
            elif not _reads(_fits, document, target[attribute], "NORMAL", count):
                if attribute.split("_")[0] in ("TEXCOORD", "COLOR"):
                    continue
                _blank(document, target[attribute])
                target[attribute] = document.add_zeros(count)
                document.notes.append(f"A morph target of {name} does not move: its {attribute} is damaged.")
        if not target:
            target["POSITION"] = document.add_zeros(count)


def _tidy_weights_of_joints(document: Document, primitive: dict) -> None:
    """Normalise joint weights whose sum is not 1, as they are when read; players treat such weights differently."""
    attributes = primitive["attributes"]
    sets = [k for k in range(len(attributes)) if f"JOINTS_{k}" in attributes and f"WEIGHTS_{k}" in attributes]
    if not sets or not has_triangles(primitive):
        return
    given = np.concatenate([document.array(attributes[f"WEIGHTS_{k}"]) for k in sets], axis=1)
    if np.abs(given.sum(axis=1) - 1).max(initial=0) <= LEAST_OFF:
        return
    _, share = skin_of(attributes, document.array, len(given))
    for k in sets:
        attributes[f"WEIGHTS_{k}"] = document.add_vectors4(share[:, 4 * k : 4 * k + 4])


def _even_targets(document: Document, mesh: dict, name: str) -> None:
    """Give every part the same number of morph targets, by adding zero targets."""
    shown = [primitive for primitive in mesh["primitives"] if "POSITION" in primitive["attributes"]]
    counts = [len(primitive.get("targets", [])) for primitive in shown]
    for primitive, count in zip(shown, counts, strict=True):
        if count < max(counts):
            still = document.add_zeros(_count(document, primitive))
            primitive["targets"] = primitive.get("targets", []) + [
                {"POSITION": still} for _ in range(max(counts) - count)
            ]
    if len(set(counts)) > 1:
        document.notes.append(f"Only some parts of {name} have all its morph targets: the other parts do not move.")


def _tidy_weights_and_names(document: Document, mesh: dict, name: str) -> None:
    count = max((len(primitive.get("targets", [])) for primitive in mesh["primitives"]), default=0)
    users = [node for node in document.json.get("nodes", []) if _mesh_of(document.json, node) is mesh]
    for holder in (mesh, *users):
        if len(holder.get("weights", [])) not in (0, count):
            holder["weights"] = (holder["weights"] + [0.0] * count)[:count]
            document.notes.append(f"{name} has a different number of weights than morph targets; missing ones are 0.")
        if not holder.get("weights", [0]):
            del holder["weights"]
    extras = mesh.get("extras")
    if not isinstance(extras, dict):
        return
    names = extras.get("targetNames", [])
    if names != [] and (not _are_names(names) or len(names) != count):
        del extras["targetNames"]
        document.notes.append(f"The names of the morph targets of {name} were left out: they are not {count} names.")


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _mesh_of(gltf: dict, node: dict) -> dict | None:
    return entry_of(gltf, "meshes", node["mesh"]) if "mesh" in node else None


def _count(document: Document, primitive: dict) -> int:
    return entry_of(document.json, "accessors", primitive["attributes"]["POSITION"])["count"]


def _reads(look: Callable[..., Any], *arguments: Any) -> bool:
    try:
        return look(*arguments) is not False
    except BROKEN:
        return False
