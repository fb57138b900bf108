"""The extension's zip: what is in it, its wheels and version, that it is the same every time, what is told when a part is wrong.

Blender's own tool is asked in tests/bpy.
"""

import hashlib
import shutil
import sys
import tomllib
import zipfile

import pytest

import build
from backend.bootstrap.errors import BuildError
from backend.bootstrap.requirements import TO_RUN
from build import ROOT

PLATFORMS = {"win_amd64", "win_arm64", "macosx_10_12_x86_64", "macosx_11_0_arm64", "manylinux_2_17_x86_64"}
PARTS = ("blender_manifest.toml", "LICENSE", TO_RUN, "backend/actionmesh/__init__.py", "blender_addon/errors.py")
VERSION = 'version = "0.1.0"'


@pytest.fixture
def repository(tmp_path):
    """The parts that are packaged, but for the weights and most of the code."""
    for name in PARTS:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copytree(ROOT / "wheels", tmp_path / "wheels")
    return tmp_path


@pytest.fixture
def no_blender(monkeypatch):
    monkeypatch.setattr(build, "find_validator", lambda root: [])


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def packaged(root):
    assert build.package(root) == 0
    (path,) = (root / "dist").iterdir()
    return path


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
        "backend/actionmesh/protocol.py",
        "backend/actionmesh/checkpoints/toy/checkpoint.json",
        "backend/actionmesh/checkpoints/toy/TripoSG/vae/diffusion_pytorch_model.safetensors",
        "wheels/SHA256SUMS",
    }
    assert needed <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", ".", "docs")) or "/." in name]


def test_zip_is_the_same_every_time(repository, no_blender):
    first = packaged(repository)
    assert first.name == "actionmesh-0.1.0.zip"
    before = first.read_bytes()
    first.unlink()
    (repository / "blender_addon" / "errors.py").touch()
    caches = repository / "blender_addon" / "__pycache__"
    caches.mkdir()
    (caches / "errors.cpython-311.pyc").write_bytes(b"cache")
    assert packaged(repository).read_bytes() == before
    with zipfile.ZipFile(first) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None
        for entry in entries:
            if entry.filename.startswith("wheels/"):
                assert archive.read(entry) == (ROOT / entry.filename).read_bytes()


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
    build.check_wheels(ROOT)
    for line in (ROOT / "wheels" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((ROOT / "wheels" / name).read_bytes()).hexdigest() == digest
        project, version, python, abi, _ = name.removesuffix(".whl").split("-")
        assert (python, abi) == ("cp310", "abi3")
        for requirements in (TO_RUN, "tests/requirements-bpy.txt"):
            assert f"{project}=={version}" in (ROOT / requirements).read_text().splitlines()


def test_versions_that_differ_are_told(repository):
    change(repository / "blender_manifest.toml", VERSION, 'version = "0.2.0"')
    with pytest.raises(BuildError, match="__init__.py has 0.1.0, blender_manifest.toml has 0.2.0"):
        build.package(repository)


@pytest.mark.parametrize("harm", ["changed", "missing", "not locked"])
def test_wheel_that_differs_from_the_lock_is_refused(repository, harm):
    wheel = next((repository / "wheels").glob("*win_arm64.whl"))
    if harm == "changed":
        wheel.write_bytes(wheel.read_bytes() + b"x")
    elif harm == "missing":
        wheel.unlink()
    else:
        wheel = wheel.rename(wheel.with_name("other-1.0-py3-none-any.whl"))
    with pytest.raises(BuildError, match="is not the file that wheels/SHA256SUMS names"):
        build.package(repository)
    assert not (repository / "dist").exists()


def test_wheel_that_the_manifest_forgets_or_makes_up_is_told(repository):
    line = '  "./wheels/safetensors-0.8.0-cp310-abi3-win_arm64.whl",\n'
    change(repository / "blender_manifest.toml", line, "")
    with pytest.raises(BuildError, match="does not list wheels/safetensors.*win_arm64"):
        build.package(repository)
    change(repository / "blender_manifest.toml", "wheels = [\n", "wheels = [\n" + line + line.replace("0.8.0", "0.9.0"))
    with pytest.raises(BuildError, match="wheels/safetensors-0.9.0.*is not the file"):
        build.package(repository)


def test_without_blender_it_says_that_nothing_was_validated(repository, no_blender, capsys):
    packaged(repository)
    told = capsys.readouterr().out
    assert "actionmesh-0.1.0.zip" in told and "Not validated" in told


def test_blenders_verdict_counts(repository, monkeypatch, tmp_path):
    seen = tmp_path / "seen"
    code = f"import sys, pathlib; pathlib.Path({str(seen)!r}).write_text(sys.argv[1]); sys.exit(4)"
    monkeypatch.setattr(build, "find_validator", lambda root: [sys.executable, "-c", code])
    assert build.package(repository) == 4
    assert seen.read_text() == str(repository / "dist" / "actionmesh-0.1.0.zip")


def test_validator_is_blender_or_the_tool_in_its_module(repository, monkeypatch):
    monkeypatch.setattr(build, "find_blender", lambda: "'/opt/my blender' -b")
    assert build.find_validator(repository) == ["/opt/my blender", "-b", "--command", "extension", "validate"]
    monkeypatch.setattr(build, "find_blender", lambda: "")
    assert build.find_validator(repository) == []
    environment = build.bpy_environment(repository, "4.5")
    tool = environment.folder / "lib" / "bpy" / "scripts" / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tool.parent.mkdir(parents=True)
    tool.touch()
    assert build.find_validator(repository) == [str(environment.python), str(tool), "validate", "--valid-tags="]


def test_interrupted_writing_leaves_the_last_zip(repository, no_blender):
    path = packaged(repository)
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError):
        build.write_zip(path, {"there": repository / "LICENSE", "gone": repository / "gone"})
    assert path.read_bytes() == before
