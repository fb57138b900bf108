"""Damaged and hostile glTF: refused in one sentence before the first stage, or only decoration is left out."""

import base64
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionmesh import jobs
from actionmesh.errors import ActionMeshError, MeshError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf import write_animated_glb
from actionmesh.output.source_check import check_source
from actionmesh.protocol import Animate
from tests.backend.gltf_files import PNG, Builder, Player, grid, textured, unit_normals
from tests.backend.gltf_scenes import one, skinned
from tests.backend.gltf_validator import assert_valid
from tests.backend.test_gltf_scenes import moving

KNOWN = ("GLB_UNKNOWN_CHUNK_TYPE",)


def fault(sentence: str, *values: object, id: str) -> object:
    return pytest.param(*values, id=id, marks=pytest.mark.fault(sentence[0].upper() + sentence[1:]))


def face() -> Builder:
    """Build a textured mesh with normals, two named morph targets, an animation, and lines next to it."""
    builder, (vertices, faces) = Builder(), grid()
    uv = (vertices[:, :2] / 2 + 0.5).astype("<f4")
    primitive = textured(
        builder, builder.primitive(vertices, faces, NORMAL=unit_normals(vertices, faces), TEXCOORD_0=uv)
    )
    del builder.json["materials"][0]["extensions"], builder.json["extensionsUsed"]
    primitive["targets"] = [{"POSITION": builder.accessor(vertices * np.float32(k))} for k in (1, 2)]
    line = {"attributes": {"POSITION": builder.accessor(vertices[:4])}, "mode": 1}
    line["targets"] = [{"POSITION": builder.accessor(vertices[:4])} for _ in range(2)]
    one(builder, primitive)
    keys = np.array([[0, 1], [0.5, 0.25]], "<f4")
    times, output = builder.accessor(np.array([0, 1], "<f4")), builder.accessor(keys.ravel())
    path = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    builder.json["meshes"][0] |= {"weights": [0.0, 0.0], "extras": {"targetNames": ["smile", "frown"]}}
    builder.json["meshes"][0]["primitives"].append(line)
    builder.json["animations"] = [
        {"name": "talk", "samplers": [{"input": times, "output": output}], "channels": [path]}
    ]
    return builder


def no_target(gltf: dict) -> None:
    del gltf["animations"][0]["channels"][0]["target"]


def no_sampler(gltf: dict) -> None:
    gltf["animations"][0]["channels"][0]["sampler"] = 7


def sampler_without_output(gltf: dict) -> None:
    del gltf["animations"][0]["samplers"][0]["output"]


def sampler_far_away(gltf: dict) -> None:
    gltf["animations"][0]["samplers"][0]["output"] = 10**9


def node_far_away(gltf: dict) -> None:
    gltf["animations"][0]["channels"][0]["target"]["node"] = -1


def too_few_keys(gltf: dict) -> None:
    gltf["animations"][0]["samplers"][0]["output"] = gltf["animations"][0]["samplers"][0]["input"]


def no_channels(gltf: dict) -> None:
    gltf["animations"] = [{"samplers": 5}, 7, {"channels": "all"}]


def animations_no_list(gltf: dict) -> None:
    gltf["animations"] = {"0": {}}


def attributes(gltf: dict) -> dict:
    return gltf["meshes"][0]["primitives"][0]["attributes"]


def normals_of_another_count(gltf: dict) -> None:
    gltf["accessors"].append(gltf["accessors"][attributes(gltf)["NORMAL"]] | {"count": 3})
    del gltf["accessors"][-1]["min"], gltf["accessors"][-1]["max"]
    attributes(gltf)["NORMAL"] = len(gltf["accessors"]) - 1


def normals_with_huge_stride(gltf: dict) -> None:
    buffer_view(gltf, "NORMAL", byteStride=2**62)


def uv_outside(gltf: dict) -> None:
    gltf["accessors"][attributes(gltf)["TEXCOORD_0"]]["byteOffset"] = 1 << 40


def tangents_missing(gltf: dict) -> None:
    attributes(gltf)["TANGENT"] = 999


def material_missing(gltf: dict) -> None:
    gltf["meshes"][0]["primitives"][0]["material"] = 5


def names_no_list(gltf: dict) -> None:
    gltf["meshes"][0]["extras"]["targetNames"] = {"smile": 0}


def names_too_few(gltf: dict) -> None:
    gltf["meshes"][0]["extras"]["targetNames"] = ["smile"]


def weights_too_few(gltf: dict) -> None:
    gltf["meshes"][0]["weights"] = [0.0]


def weights_too_many(gltf: dict) -> None:
    gltf["nodes"][0]["weights"] = [0.0] * 9


def line_outside(gltf: dict) -> None:
    gltf["accessors"][gltf["meshes"][0]["primitives"][1]["attributes"]["POSITION"]]["count"] = 10**9


def line_nowhere(gltf: dict) -> None:
    gltf["meshes"][0]["primitives"][1]["attributes"]["POSITION"] = "none"


def target_of_another_count(gltf: dict) -> None:
    accessor = gltf["accessors"][gltf["meshes"][0]["primitives"][0]["targets"][0]["POSITION"]]
    accessor["count"] = 2
    del accessor["min"], accessor["max"]


def targets_on_the_second_only(gltf: dict) -> None:
    del gltf["meshes"][0]["primitives"][0]["targets"]


DECORATION = [
    fault("An animation channel without a target ends the job at Saving", no_target, id="no target"),
    fault("An animation channel without a sampler ends the job at Saving", no_sampler, id="no sampler"),
    fault("An animation sampler without an output ends the job at Saving", sampler_without_output, id="no output"),
    fault("An animation sampler that names no accessor ends the job at Saving", sampler_far_away, id="far sampler"),
    fault("An animation of a node that is not there ends the job at Saving", node_far_away, id="no node"),
    fault("An animation with too few weights ends the job at Saving", too_few_keys, id="too few keys"),
    fault("Animations that are none end the job at Saving", no_channels, id="no channels"),
    fault("Animations that are no list end the job at Saving", animations_no_list, id="no list"),
    fault("Normals of another number than vertices end the job at Saving", normals_of_another_count, id="normals"),
    fault("Normals that lie far outside the file crash the worker at Saving", normals_with_huge_stride, id="stride"),
    fault("UVs that lie outside the file end the job at Saving", uv_outside, id="uv"),
    fault("Tangents that are not there end the job at Saving", tangents_missing, id="tangents"),
    fault("A material that is not there ends the job at Saving", material_missing, id="material"),
    fault("Names of shapes that are no list end the job at Saving", names_no_list, id="names"),
    fault("Fewer names than shapes end the job at Saving", names_too_few, id="few names"),
    fault("Fewer weights than shapes end the job at Saving", weights_too_few, id="few weights"),
    fault("More weights than shapes end the job at Saving", weights_too_many, id="many weights"),
    fault("Damaged lines beside a mesh end the job at Saving", line_outside, id="line"),
    fault("Lines without positions end the job at Saving", line_nowhere, id="line nowhere"),
    fault("A shape key of another number of vertices ends the job at Saving", target_of_another_count, id="target"),
    fault("Shapes on some parts of a mesh only are driven by our weights", targets_on_the_second_only, id="uneven"),
]


@pytest.mark.parametrize("damage", DECORATION)
def test_what_only_decorates_is_left_out_with_a_warning(tmp_path, damage, caplog):
    builder = face()
    damage(builder.json)
    source = builder.save(tmp_path / "face.glb")
    notes = check_source(source)
    assert notes and all(note.startswith("face.glb: ") and note.endswith(".") for note in notes)
    animation = moving(source)
    with caplog.at_level(logging.WARNING):
        write_animated_glb(animation, tmp_path / "out.glb", source)
    assert caplog.records and "without the materials" not in caplog.text
    player = Player(tmp_path / "out.glb")
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose, atol=1e-5)
    assert_valid(tmp_path / "out.glb", warnings=KNOWN)


@pytest.mark.fault("One vertex without UVs costs the whole mesh its texture")
def test_uvs_that_are_no_numbers_leave_the_others_alone(tmp_path):
    builder = face()
    uv = (grid()[0][:, :2] / 2 + 0.5).astype("<f4")
    uv[3] = np.nan
    attributes(builder.json)["TEXCOORD_0"] = builder.accessor(uv, min=[0, 0], max=[1, 1])
    source = builder.save(tmp_path / "face.glb")
    [note] = check_source(source)
    assert "TEXCOORD_0 of meshes[0] is not a number at some vertices" in note
    write_animated_glb(moving(source), tmp_path / "out.glb", source)
    player = Player(tmp_path / "out.glb")
    primitive = player.json["meshes"][0]["primitives"][0]
    np.testing.assert_array_equal(player.values(primitive["attributes"]["TEXCOORD_0"]), np.nan_to_num(uv))
    assert "baseColorTexture" in player.json["materials"][primitive["material"]]["pbrMetallicRoughness"]


def test_a_sound_file_costs_no_note(tmp_path):
    assert check_source(face().save(tmp_path / "face.glb")) == ()


def deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels):
        value = {"in": value}
    return value


def buffer_view(gltf: dict, of: str = "POSITION", **changes: object) -> None:
    view = dict(gltf["bufferViews"][gltf["accessors"][attributes(gltf)[of]]["bufferView"]])
    gltf["bufferViews"].append(view | changes)
    gltf["accessors"][attributes(gltf)[of]]["bufferView"] = len(gltf["bufferViews"]) - 1


def position(gltf: dict, **changes: object) -> None:
    gltf["accessors"][attributes(gltf)["POSITION"]] |= changes


def viewless(gltf: dict, count: int) -> None:
    position(gltf, count=count)
    del gltf["accessors"][attributes(gltf)["POSITION"]]["bufferView"]


def sparse(gltf: dict, **changes: object) -> None:
    view = gltf["accessors"][attributes(gltf)["POSITION"]]["bufferView"]
    indices = gltf["accessors"][gltf["meshes"][0]["primitives"][0]["indices"]]["bufferView"]
    made = {"count": 2, "indices": {"bufferView": indices, "componentType": 5123}, "values": {"bufferView": view}}
    position(gltf, sparse=made | changes)


def cycle(gltf: dict) -> None:
    gltf["nodes"] += [{"children": [2]}, {"children": [1]}]
    gltf["scenes"][0]["nodes"].append(1)


def often(gltf: dict) -> None:
    part = {"attributes": {"POSITION": attributes(gltf)["POSITION"]}}
    gltf["meshes"][0]["primitives"] = [part] * 51_000


HOSTILE = [
    fault(
        "A glb whose numbers lie beyond its end gives memory away",
        lambda g: buffer_view(g, byteOffset=10**6),
        id="offset",
    ),
    fault(
        "A glb with a negative offset gives memory away", lambda g: buffer_view(g, byteOffset=-64), id="negative offset"
    ),
    fault(
        "A glb with an accessor of a negative offset gives memory away",
        lambda g: position(g, byteOffset=-8),
        id="accessor offset",
    ),
    fault("A glb whose numbers have no bytes gives memory away", lambda g: buffer_view(g, byteLength=0), id="no bytes"),
    fault("A glb with an enormous stride crashes the worker", lambda g: buffer_view(g, byteStride=2**62), id="stride"),
    fault(
        "A glb with a negative stride gives memory away", lambda g: buffer_view(g, byteStride=-12), id="negative stride"
    ),
    fault(
        "A glb that counts one byte a vertex fills the memory",
        lambda g: [buffer_view(g, byteStride=1), position(g, count=3 * 10**8)],
        id="tiny stride",
    ),
    fault(
        "A glb that counts no bytes a vertex fills the memory",
        lambda g: [buffer_view(g, byteStride=0), position(g, count=3 * 10**8)],
        id="no stride",
    ),
    fault("A glb with a count of 2^62 crashes the worker", lambda g: position(g, count=2**62), id="count"),
    fault("A glb with a negative count is read as something", lambda g: position(g, count=-1), id="negative count"),
    fault("A glb with half a vertex is read as something", lambda g: position(g, count=2.5), id="half"),
    fault(
        "A tiny glb that claims 10^9 vertices without numbers fills the memory",
        lambda g: viewless(g, 10**9),
        id="no view",
    ),
    fault("A glb with sparse numbers outside crashes the worker", lambda g: sparse(g, count=10**9), id="sparse"),
    fault(
        "A glb whose sparse numbers go nowhere is read as something",
        lambda g: sparse(g, indices={"bufferView": 0, "componentType": 5126}),
        id="sparse kind",
    ),
    fault("A glb whose positions are two numbers is read as something", lambda g: position(g, type="VEC2"), id="flat"),
    fault("A glb that names entry -1 is read as something", lambda g: attributes(g).update(POSITION=-1), id="entry -1"),
    fault(
        "A glb that names entry true is read as something",
        lambda g: attributes(g).update(POSITION=True),
        id="entry true",
    ),
    fault("Nodes that are their own grandparents never end", cycle, id="cycle"),
    fault("A small file that shows a mesh 51 000 times keeps a job busy for minutes", often, id="often"),
    fault("Extras nested 500 deep end the job at Saving", lambda g: g.update(extras=deep(500)), id="deep"),
    fault(
        "A node that turns by [0, 0, 0, 0] is refused without a word why",
        lambda g: g["nodes"][0].update(rotation=[0, 0, 0, 0]),
        id="no rotation",
    ),
]


@pytest.mark.parametrize("damage", HOSTILE)
def test_a_hostile_glb_is_refused_in_a_sentence(tmp_path, damage):
    builder = face()
    damage(builder.json)
    path = builder.save(tmp_path / "odd.glb")
    for read in (load_mesh, check_source):
        with pytest.raises(MeshError, match=r"odd.glb is damaged, or is not a \.glb file: .*\. Export it again\."):
            read(path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        fault(
            "A node that turns by [0, 0, 0, 0] is called damaged, not what",
            {"rotation": [0, 0, 0, 0]},
            r"nodes\[0\].*\[0, 0, 0, 0\]",
            id="rotation",
        ),
        fault(
            "A node with three of four numbers is called damaged, not what",
            {"rotation": [0, 0, 1]},
            r"nodes\[0\].rotation",
            id="three",
        ),
        fault(
            "A node whose scale is text is refused without a word why",
            {"scale": [1, 1, 1e999]},
            r"nodes\[0\].scale",
            id="scale",
        ),
    ],
)
def test_the_sentence_says_what_is_wrong(tmp_path, change, word):
    builder = face()
    builder.json["nodes"][0] |= change
    text = json.dumps(builder.json | {"buffers": [{"byteLength": len(builder.binary), "uri": uri(builder.binary)}]})
    (tmp_path / "odd.gltf").write_text(text.replace("Infinity", "1e999"))
    with pytest.raises(MeshError, match=word):
        load_mesh(tmp_path / "odd.gltf")


def uri(data: bytes | bytearray, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()


@pytest.mark.fault("A rotation that is not quite of length 1 makes the result invalid")
def test_a_rotation_of_another_length_is_read_as_a_rotation(tmp_path):
    builder = face()
    builder.json["nodes"][0]["rotation"] = [0, 0, 3, 3]
    source = builder.save(tmp_path / "face.glb")
    vertices, _ = grid()
    np.testing.assert_allclose(load_mesh(source).vertices, vertices[:, [1, 0, 2]] * (-1, 1, 1), atol=1e-6)
    write_animated_glb(moving(source), tmp_path / "out.glb", source)
    assert_valid(tmp_path / "out.glb", warnings=KNOWN)


@pytest.mark.fault("A tree of 10 000 nodes is refused")
def test_a_deep_tree_is_read(tmp_path):
    builder = face()
    builder.json["nodes"] += [{"children": [k + 2], "translation": [0.001, 0, 0]} for k in range(10_000)]
    builder.json["nodes"][-1]["children"] = [0]
    builder.json["scenes"] = [{"nodes": [1]}]
    source = builder.save(tmp_path / "deep.glb")
    mesh = load_mesh(source)
    np.testing.assert_allclose(mesh.vertices + mesh.origin, grid()[0] + (10, 0, 0), atol=1e-5)
    assert check_source(source) == ()


@pytest.mark.parametrize(
    "name",
    [
        fault(
            "A file that needs an extension we do not read is read wrongly, without a word",
            "EXAMPLE_bends_space",
            id="unknown",
        ),
        fault("A file that needs node visibility shows what is hidden", "KHR_node_visibility", id="visibility"),
        fault("A file whose levels of detail are needed shows all at once", "MSFT_lod", id="lod"),
    ],
)
def test_an_extension_that_is_needed_and_not_read_is_named(tmp_path, name):
    builder = face()
    builder.json |= {"extensionsUsed": [name], "extensionsRequired": [name]}
    path = builder.save(tmp_path / "odd.glb")
    with pytest.raises(MeshError, match=f"odd.glb needs the glTF extension {name}, which is not read here. Export"):
        load_mesh(path)
    del builder.json["extensionsRequired"]
    assert len(load_mesh(builder.save(path)).vertices)


@pytest.mark.parametrize(
    "name", ["KHR_materials_unlit", "KHR_texture_transform", "KHR_lights_punctual", "EXT_texture_webp"]
)
def test_an_extension_that_is_a_matter_of_looks_is_no_obstacle(tmp_path, name):
    builder = face()
    builder.json |= {"extensionsUsed": [name], "extensionsRequired": [name]}
    assert check_source(builder.save(tmp_path / "face.glb")) == ()


PHOTO = cv2.imencode(".png", np.full((5, 5, 3), 77, np.uint8))[1].tobytes()
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----"


def pictured(folder: Path, named: str) -> Path:
    builder = face()
    builder.json["images"] = [{"uri": named}]
    return builder.save_apart(folder / "face.gltf")


@pytest.fixture
def folder(tmp_path):
    """Make a folder for the mesh, next to an unrelated one."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "id_rsa").write_bytes(SECRET)
    (tmp_path / "secret" / "photo.png").write_bytes(PHOTO)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "id_rsa").write_bytes(SECRET)
    (tmp_path / "mine" / "link.png").symlink_to(tmp_path / "secret" / "photo.png")
    (tmp_path / "mine" / "postscript.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    os.mkfifo(tmp_path / "mine" / "pipe.png")
    return tmp_path / "mine"


NAMED = [
    fault(
        "A mesh that names a secret outside its folder as a picture has it embedded in the result",
        "../secret/id_rsa",
        id="up",
    ),
    fault(
        "A mesh that names a picture outside its folder has it embedded in the result",
        "../secret/photo.png",
        id="picture",
    ),
    fault("A mesh that names an absolute path as a picture has it embedded in the result", "ABSOLUTE", id="absolute"),
    fault("A mesh whose picture is a link out of the folder has it embedded in the result", "link.png", id="link"),
    fault("A secret in the mesh's folder that is no picture is embedded in the result", "id_rsa", id="no picture"),
    fault("A picture that is PostScript starts another program", "postscript.png", id="PostScript"),
    fault("A picture that is a pipe never ends", "pipe.png", id="pipe"),
    fault("A picture that is a device never ends", "/dev/zero", id="device"),
    fault("A picture behind percent signs leads out of the folder", "%2e%2e/secret/photo.png", id="percent"),
    fault("A picture behind backslashes leads out of the folder", "..\\secret\\photo.png", id="backslash"),
    fault("A picture in a data URI that is none is embedded in the result", uri(SECRET, "image/png"), id="data"),
    fault("A picture in a broken data URI ends the job at Saving", "data:image/png;base64,%%%", id="broken data"),
]


@pytest.mark.parametrize("named", NAMED)
def test_only_pictures_of_the_meshs_folder_are_embedded(folder, named):
    named = str(folder.parent / "secret" / "photo.png") if named == "ABSOLUTE" else named
    source = pictured(folder, named)
    notes = check_source(source)
    assert len(notes) == 1 and "images[0]" in notes[0]
    write_animated_glb(moving(source), folder / "out.glb", source)
    data = (folder / "out.glb").read_bytes()
    assert SECRET not in data and PHOTO not in data and b"secret" not in data
    assert_valid(folder / "out.glb", warnings=KNOWN)
    assert "baseColorTexture" not in Player(folder / "out.glb").json["materials"][0]["pbrMetallicRoughness"]


@pytest.mark.parametrize("named", ["all.bin", "../all.bin", "/dev/zero", "pipe.bin"])
@pytest.mark.fault("A buffer outside the mesh's folder is read")
def test_only_buffers_of_the_meshs_folder_are_read(folder, named):
    os.mkfifo(folder / "pipe.bin")
    path = face().save_apart(folder / "face.gltf")
    gltf = json.loads(path.read_text())
    gltf["buffers"][0]["uri"] = named
    (folder / "all.bin").rename(folder.parent / "all.bin")
    path.write_text(json.dumps(gltf))
    with pytest.raises(MeshError):
        load_mesh(path)


@pytest.mark.fault("A damaged mesh file is found out at Saving, after all the work")
def test_a_job_refuses_a_mesh_that_it_could_not_save_into(tmp_path):
    builder = face()
    builder.json["bufferViews"].append({"buffer": 0, "byteOffset": 0, "byteLength": 10**9})
    path = builder.save(tmp_path / "odd.glb")
    assert len(load_mesh(path).vertices)
    job = Animate(clip="a.mp4", out=(str(tmp_path / "out.glb"),), mesh=str(path))
    with pytest.raises(MeshError, match="odd.glb is damaged"):
        jobs.run(job, jobs.KeptModel(), lambda event: None, lambda: False)
    assert jobs.check_mesh(Animate(clip="a.mp4", out=(str(tmp_path / "out.npz"),), mesh=str(path))) == ()


def joints_outside(builder: Builder) -> None:
    builder.json["skins"][0]["joints"] = [99]


def joint_beyond(builder: Builder) -> None:
    attributes(builder.json)["JOINTS_0"] = builder.accessor(np.full((16, 4), 7, "u1"))


def too_few_matrices(builder: Builder) -> None:
    builder.json["skins"][0]["joints"] = [2, 1]


def joints_of_another_count(builder: Builder) -> None:
    builder.json["accessors"][attributes(builder.json)["JOINTS_0"]]["count"] = 3


@pytest.mark.parametrize(
    "damage",
    [
        fault("A rig that names a bone that is not there is read as something", joints_outside, id="no joint"),
        fault("A vertex that follows a bone that is not there crashes the worker", joint_beyond, id="beyond"),
        fault("A rig with too few matrices is read as something", too_few_matrices, id="matrices"),
        fault("A rig for fewer vertices is read as something", joints_of_another_count, id="count"),
    ],
)
def test_a_damaged_skin_is_refused(tmp_path, damage: Callable[[Builder], None]):
    builder, _ = skinned()
    damage(builder)
    with pytest.raises(ActionMeshError, match="odd.glb is damaged"):
        load_mesh(builder.save(tmp_path / "odd.glb"))


@pytest.mark.parametrize("total", [0.0, 0.5, 3.0])
@pytest.mark.fault("A rig whose weights do not add up to 1 is shown at another size")
def test_weights_that_do_not_add_up_are_read_as_shares(tmp_path, total):
    builder, shown = skinned()
    weights = np.zeros((len(shown), 4), "<f4")
    weights[:, 0] = total
    attributes(builder.json)["WEIGHTS_0"] = builder.accessor(weights)
    source = builder.save(tmp_path / "odd.glb")
    np.testing.assert_allclose(load_mesh(source).vertices, shown, atol=1e-6)
    write_animated_glb(moving(source), tmp_path / "out.glb", source)
    assert_valid(tmp_path / "out.glb", warnings=(*KNOWN, "NODE_SKINNED_MESH_LOCAL_TRANSFORMS"))


def test_the_picture_is_a_picture():
    assert cv2.imdecode(np.frombuffer(PNG, np.uint8), cv2.IMREAD_COLOR).shape == (8, 8, 3)
