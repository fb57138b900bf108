"""The extension's zips: what is in each, that they are reproducible, and the message when a part is wrong.

Blender's own tool is asked in tests/bpy, which also installs them.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import build
from backend.bootstrap import packaging, repository, uv_wheels
from backend.bootstrap.errors import BuildError
from backend.bootstrap.requirements import TO_RUN
from blender_addon.install import programs
from blender_addon.install.trial import TRIAL
from build import ROOT

from .test_architecture import imports_of

PLATFORMS = {"win_amd64", "win_arm64", "macosx_10_12_x86_64", "macosx_11_0_arm64", "manylinux_2_17_x86_64"}
PARTS = ("blender_manifest.toml", "LICENSE", TO_RUN, "backend/actionmesh/__init__.py", "blender_addon/errors.py")
LEFT_OUT = ("training/run.py", "evaluation/sheets.py", "toys/rig.py", "sizes.py", "track_file.py")
PARTS += (*(f"backend/actionmesh/{name}" for name in LEFT_OUT), "blender_addon/README.md")
OURS = {"actionmesh", "blender_addon", "backend", "benchmarks", "tests", "build"}
ASKED_FIRST = "actionmesh.evaluation"
"""The package whose absence the command `evaluate` tells; it imports the package by name, after it asked for it."""
VERSION = 'version = "0.1.0"'
ZIPS = {
    "actionmesh-0.1.0-linux_x64.zip": ("linux-x64", "manylinux_2_17_x86_64.manylinux2014_x86_64", True),
    "actionmesh-0.1.0-windows_x64.zip": ("windows-x64", "win_amd64", True),
    "actionmesh-0.1.0-windows_arm64.zip": ("windows-arm64", "win_arm64", False),
    "actionmesh-0.1.0-macos_arm64.zip": ("macos-arm64", "macosx_11_0_arm64", True),
    "actionmesh-0.1.0-macos_x64.zip": ("macos-x64", "macosx_10_12_x86_64", False),
}
"""Of each zip its platform, what the names of its wheels say, and whether the backend can be installed there."""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Make the only folder where pip looks for wheels; it has uv for three platforms."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for _, tag, is_served in ZIPS.values():
        if is_served:
            put_uv(folder, tag)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    told = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder), "NO_CACHE_DIR": "1"}
    for name, value in told.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def put_uv(folder, tag, program="a program"):
    with zipfile.ZipFile(folder / f"uv-1.0-py3-none-{tag}.whl", "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("uv-1.0.data/scripts/uv"), program)
        described = {
            "METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n",
            "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
            "RECORD": "",
        }
        for name, text in described.items():
            wheel.writestr(zipfile.ZipInfo(f"uv-1.0.dist-info/{name}"), text)


@pytest.fixture
def clone(tmp_path, shelf):
    """Copy the packaged parts, without weights and most of the code; its lock names the shelf's wheels."""
    tmp_path = tmp_path / "clone"
    for name in PARTS:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copytree(ROOT / "wheels", tmp_path / "wheels")
    digests = [f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in shelf.iterdir()]
    (tmp_path / "backend" / "locks").mkdir()
    (tmp_path / "backend" / "locks" / "uv.txt").write_text(" ".join(["uv==1.0", *digests]) + "\n")
    return tmp_path


@pytest.fixture
def no_blender(monkeypatch):
    monkeypatch.setattr(repository, "find_tool", lambda root, blender: [])


TOOL = """
import json, pathlib, sys
seen = pathlib.Path({seen!r})
with seen.open("a") as file:
    file.write(" ".join(sys.argv[1:]) + chr(10))
if sys.argv[1] == {fails!r}:
    sys.exit(4)
if sys.argv[1] == "server-generate":
    folder = pathlib.Path(sys.argv[2].partition("=")[2])
    names = sorted((path.name for path in folder.glob("*.zip")), reverse=True)
    (folder / "index.json").write_text(json.dumps({{"data": [{{"archive_url": "./" + name}} for name in names]}}))
"""


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """Return a function that replaces Blender's tool by a fake, which fails at one of its commands."""

    def put(fails=""):
        seen = tmp_path / "seen"
        code = TOOL.format(seen=str(seen), fails=fails)
        monkeypatch.setattr(repository, "find_tool", lambda root, blender: [sys.executable, "-c", code])
        return lambda: seen.read_text().splitlines()

    return put


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def packaged(root):
    assert build.package(root) == 0
    return {path.name: path for path in (root / "dist").iterdir()}


def with_zip(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_zip_holds_what_the_extension_needs_and_nothing_else():
    names = set(build.extension_files(ROOT))
    needed = {
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "scene/source_render.py",
        "backend/requirements-cpu.txt",
        "backend/actionmesh/worker.py",
        "backend/locks/locks.json",
        "backend/locks/uv.txt",
        "install/main.py",
        "backend/actionmesh/protocol/__init__.py",
        "backend/actionmesh/protocol/job.py",
        "backend/actionmesh/checkpoints/toy/checkpoint.json",
        "backend/actionmesh/checkpoints/toy/TripoSG/vae/diffusion_pytorch_model.safetensors",
        "wheels/SHA256SUMS",
        "README.md",
    }
    assert needed <= names
    assert not [
        name for name in names if "__pycache__" in name or name.startswith(("tests", ".", "docs")) or "/." in name
    ]


def test_what_trains_and_evaluates_stays_in_the_repository():
    """Every other part of the backend is in the zip."""
    names = set(build.extension_files(ROOT))
    backend = ROOT / "backend" / "actionmesh"
    for path in backend.rglob("*.py"):
        is_left_out = path.relative_to(backend).parts[0] in {name.partition("/")[0] for name in LEFT_OUT}
        assert (path.relative_to(ROOT).as_posix() in names) != is_left_out


def file_of(name):
    """Return the file of the module of ours that an import names, or in which it finds what it names."""
    path = (ROOT / "backend" if name.startswith("actionmesh") else ROOT).joinpath(*name.split("."))
    places = (f"{path}.py", path / "__init__.py", f"{path.parent}.py", path.parent / "__init__.py")
    return next((Path(place) for place in places if Path(place).is_file()), None)


def imports_from_outside(files):
    """Return the imports of ours, lazy ones included, that a zip of these files could not make."""
    inside = set(files.values())
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in inside
        if path.suffix == ".py"
        for line, name in imports_of(path)
        if name.split(".")[0] in OURS and name != ASKED_FIRST and file_of(name) not in inside
    ]


def test_what_is_in_the_zip_imports_nothing_that_is_not():
    files = build.extension_files(ROOT)
    assert imports_from_outside(files) == []
    for needed in ("backend/actionmesh/media/reader.py", "scene/shape_keys.py"):
        rest = {name: path for name, path in files.items() if name != needed}
        assert imports_from_outside(rest), needed


def test_every_platform_has_a_zip_with_its_own_wheels(clone, no_blender):
    made = packaged(clone)
    assert set(made) == set(ZIPS)
    for name, (platform, tag, has_uv) in ZIPS.items():
        files = with_zip(made[name])
        manifest = tomllib.loads(files["blender_manifest.toml"].decode())
        wheel = f"wheels/safetensors-0.8.0-cp310-abi3-{tag}.whl"
        assert manifest["platforms"] == [platform] and manifest["wheels"] == [f"./{wheel}"]
        uv = f"wheels/uv-1.0-py3-none-{tag}.whl"
        assert {each for each in files if each.startswith("wheels/")} == ({wheel, uv} if has_uv else {wheel})
        assert files[wheel] == (ROOT / wheel).read_bytes()
        assert not has_uv or files[uv] == (clone.parent / "shelf" / uv.removeprefix("wheels/")).read_bytes()
        assert {"README.md", "LICENSE", "errors.py", "backend/locks/uv.txt"} < set(files)
        assert not [each for each in files if each.endswith(LEFT_OUT)]
        whole = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
        assert manifest == whole | {"platforms": [platform], "wheels": [f"./{wheel}"]}


def test_zips_are_the_same_every_time(clone, no_blender, tmp_path):
    before = {name: path.read_bytes() for name, path in packaged(clone).items()}
    other = tmp_path / "another place" / "clone"
    shutil.copytree(clone, other, ignore=shutil.ignore_patterns("dist", ".wheels"))
    for number, path in enumerate(sorted(other.rglob("*"))):
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    (other / "blender_addon" / "errors.py").chmod(0o600)
    caches = other / "blender_addon" / "__pycache__"
    caches.mkdir()
    (caches / "errors.cpython-311.pyc").write_bytes(b"cache")
    made = packaged(other)
    assert {name: path.read_bytes() for name, path in made.items()} == before
    for path in made.values():
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
            assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.testzip() is None


def test_zips_are_small(tmp_path, monkeypatch):
    """Without uv, whose wheel has 18 MB, there is room; more than 60 MB are refused."""
    build.write_zip(tmp_path / "all.zip", build.extension_files(ROOT))
    assert (tmp_path / "all.zip").stat().st_size < 40_000_000 < packaging.LARGEST <= 60_000_000
    monkeypatch.setattr(packaging, "LARGEST", 10_000)
    with pytest.raises(BuildError, match="large.zip would be 0 MB"):
        build.write_zip(tmp_path / "large.zip", {"random": os.urandom(20_000)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    build.write_zip(folder / "extension.zip", build.extension_files(ROOT))
    with zipfile.ZipFile(folder / "extension.zip") as archive:
        archive.extractall(folder / "extension")
    return folder / "extension" / "backend"


IMPORTS = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import actionmesh
assert actionmesh.__file__.startswith(sys.argv[1])
names = [found.name for found in pkgutil.walk_packages(actionmesh.__path__, "actionmesh.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def test_all_that_is_in_the_zip_can_be_imported(unpacked):
    done = subprocess.run([sys.executable, "-I", "-B", "-c", IMPORTS, str(unpacked)], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) > 100, done.stderr


def command_line(unpacked, *words):
    """Run the command line as the installer's test animation does."""
    command = [sys.executable, "-I", "-B", "-c", TRIAL, str(unpacked), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("words", [("toybench", "toy"), ("actionbench", "x", "y"), ("sheet", "toy"), ("reliefs", "x")])
def test_benchmarks_are_said_to_be_elsewhere(unpacked, tmp_path, words):
    done = command_line(unpacked, "evaluate", *words, "-o", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "has no benchmarks. Run evaluate in a clone" in done.stderr


def test_clip_is_animated_from_the_unpacked_zip(unpacked, tmp_path):
    clip, out = unpacked / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4", tmp_path / "out.glb"
    words = ("--preset", "demo", "--spread", "4", "--checkpoint", "toy", "--shape", "network")
    done = command_line(unpacked, "animate", clip, "-o", out, *words)
    assert done.returncode == 0 and out.read_bytes()[:4] == b"glTF", done.stderr


def test_manifest_says_what_is_there():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["version"] == build.agreed_version(ROOT)
    assert manifest["id"] == "actionmesh" and manifest["blender_version_min"] == "4.2.0"
    assert len(manifest["wheels"]) == len(manifest["platforms"]) == len(PLATFORMS)
    for platform in PLATFORMS:
        assert sum(platform in wheel for wheel in manifest["wheels"]) == 1
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64 and not text.endswith(".")


def test_wheels_are_those_of_the_lock_and_of_the_backend():
    packaging.check_wheels(ROOT)
    for line in (ROOT / "wheels" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((ROOT / "wheels" / name).read_bytes()).hexdigest() == digest
        project, version, python, abi, _ = name.removesuffix(".whl").split("-")
        assert (python, abi) == ("cp310", "abi3")
        for requirements in (TO_RUN, "tests/requirements-bpy.txt"):
            assert f"{project}=={version}" in (ROOT / requirements).read_text().splitlines()


def test_versions_that_differ_are_told(clone):
    change(clone / "blender_manifest.toml", VERSION, 'version = "0.2.0"')
    with pytest.raises(BuildError, match="__init__.py has 0.1.0, blender_manifest.toml has 0.2.0"):
        build.package(clone)


@pytest.mark.parametrize("harm", ["changed", "missing", "not locked"])
def test_wheel_that_differs_from_the_lock_is_refused(clone, harm):
    wheel = next((clone / "wheels").glob("*win_arm64.whl"))
    if harm == "changed":
        wheel.write_bytes(wheel.read_bytes() + b"x")
    elif harm == "missing":
        wheel.unlink()
    else:
        wheel = wheel.rename(wheel.with_name("other-1.0-py3-none-any.whl"))
    with pytest.raises(BuildError, match="does not match wheels/SHA256SUMS"):
        build.package(clone)
    assert not (clone / "dist").exists()


def test_wheel_that_the_manifest_forgets_or_makes_up_is_told(clone):
    line = '  "./wheels/safetensors-0.8.0-cp310-abi3-win_arm64.whl",\n'
    change(clone / "blender_manifest.toml", line, "")
    with pytest.raises(BuildError, match="does not list wheels/safetensors.*win_arm64"):
        build.package(clone)
    change(clone / "blender_manifest.toml", "wheels = [\n", "wheels = [\n" + line + line.replace("0.8.0", "0.9.0"))
    with pytest.raises(BuildError, match="wheels/safetensors-0.9.0.*does not match"):
        build.package(clone)


def test_without_blender_it_says_that_nothing_was_validated(clone, no_blender, capsys):
    packaged(clone)
    told = capsys.readouterr().out
    assert all(name in told for name in ZIPS) and "not validated and index.json is missing" in told


def test_blenders_tool_checks_every_zip_and_lists_them(clone, tool, capsys):
    asked = tool()
    made = packaged(clone)
    *checks, listing = asked()
    assert [line.split()[:2] for line in checks] == [["validate", "--valid-tags="]] * 5
    assert [line.rpartition("/")[2] for line in checks] == sorted(ZIPS)
    assert listing.startswith("server-generate --repo-dir=")
    assert set(made) == {*ZIPS, "index.json"}
    listed = json.loads(made["index.json"].read_text())["data"]
    assert [entry["archive_url"] for entry in listed] == [f"./{name}" for name in sorted(ZIPS)]
    assert str(made["index.json"]) in capsys.readouterr().out


@pytest.mark.parametrize("fails", ["validate", "server-generate"])
def test_blenders_verdict_counts_and_what_was_there_stays(clone, tool, fails):
    tool()
    before = {name: path.read_bytes() for name, path in packaged(clone).items()}
    tool(fails)
    (clone / "blender_addon" / "errors.py").write_text("changed = True\n")
    assert build.package(clone) == 4
    assert {path.name: path.read_bytes() for path in (clone / "dist").iterdir()} == before
    assert not list(clone.glob(".part*"))


def test_zips_of_other_versions_are_replaced_and_other_files_stay(clone, no_blender):
    (clone / "dist").mkdir()
    for name in ("actionmesh-0.0.9-linux_x64.zip", "index.json", "notes.txt"):
        (clone / "dist" / name).touch()
    assert set(packaged(clone)) == {*ZIPS, "notes.txt"}


def test_tool_is_blender_or_the_one_in_its_module(tmp_path):
    found = repository.find_tool(tmp_path, "'/opt/my blender' -b")
    assert repository.validate(found) == ["/opt/my blender", "-b", "--command", "extension", "validate"]
    assert repository.find_tool(tmp_path, "") == []
    environment = build.bpy_environment(tmp_path, "4.5")
    path = environment.folder / "lib" / "bpy" / "scripts" / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    path.parent.mkdir(parents=True)
    path.touch()
    found = repository.find_tool(tmp_path, "")
    assert repository.validate(found) == [str(environment.python), str(path), "validate", "--valid-tags="]


def test_interrupted_writing_leaves_the_last_zip(clone, no_blender):
    path = packaged(clone)["actionmesh-0.1.0-linux_x64.zip"]
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError):
        build.write_zip(path, {"there": clone / "LICENSE", "gone": clone / "gone"})
    assert path.read_bytes() == before


def test_uv_is_downloaded_once_and_again_where_it_was_damaged(clone, shelf, no_blender, capfd):
    first = {name: path.read_bytes() for name, path in packaged(clone).items()}
    assert capfd.readouterr().out.count("Downloading uv") == 3
    wheels = sorted((clone / ".wheels").iterdir())
    assert [path.name for path in wheels] == sorted(path.name for path in shelf.iterdir())
    wheels[0].write_bytes(b"damaged")
    packaged(clone)
    assert capfd.readouterr().out.count("Downloading uv") == 1
    shutil.rmtree(shelf)
    assert {name: path.read_bytes() for name, path in packaged(clone).items()} == first


@pytest.mark.parametrize("served", ["another file", "nothing"])
def test_uv_that_is_another_file_or_out_of_reach_is_one_sentence(clone, shelf, no_blender, served):
    tag = ZIPS["actionmesh-0.1.0-windows_x64.zip"][1]
    if served == "nothing":
        (shelf / f"uv-1.0-py3-none-{tag}.whl").unlink()
        words = r"uv for windows-x64 could not be downloaded \(.*uv==1.0.*\)\. Check the network .* run this again\.$"
    else:
        put_uv(shelf, tag, "another program")
        words = "received a wheel of uv for windows-x64 that does not match backend/locks/uv.txt"
    with pytest.raises(BuildError, match=words):
        build.package(clone)
    assert not (clone / "dist").exists()
    assert [path.name for path in (clone / ".wheels").iterdir()] == [
        "uv-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    ]


def test_without_pip_it_is_said_where_it_comes_from(clone, no_blender, monkeypatch):
    monkeypatch.setattr(uv_wheels, "succeeds", lambda command: False)
    with pytest.raises(BuildError, match="needs pip. Install it"):
        build.package(clone)


def test_platforms_of_uv_are_those_for_which_the_installer_has_it():
    assert {platform: packaging.PLATFORMS[platform] for platform in uv_wheels.FOR} == programs.TAGS
    assert len(programs.uv_lock()[1]) == len(uv_wheels.FOR)
