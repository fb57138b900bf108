"""Where packages come from: pip's settings count; and one wheel, fetched from an index."""

import os
from pathlib import Path

import pytest

from blender_addon.errors import InstallError
from blender_addon.install import index, sources
from blender_addon.install.child import without_secrets
from blender_addon.install.sources import Sources, find_sources

from .shelf import Index, make_wheel


def test_settings_of_pip_count_and_the_strongest_last(tmp_path):
    shared, own = tmp_path / "shared.conf", tmp_path / "own.conf"
    shared.write_text("[global]\nindex-url = https://a/simple\nproxy = http://p:1\n[install]\nfind_links = /x /y\n")
    own.write_text("[global]\nindex-url = https://b/simple\n")
    broken = tmp_path / "broken.conf"
    broken.write_text("no section")
    found = find_sources("", "", {"PIP_TRUSTED_HOST": "a b"}, [shared, broken, own])
    assert (found.index, found.links, found.proxy, found.unchecked) == (
        "https://b/simple",
        ("/x", "/y"),
        "http://p:1",
        ("a", "b"),
    )
    assert found.is_set_up and find_sources("", "https://c/simple", {}, [own]).index == "https://c/simple"
    words = found.arguments("https://download.pytorch.org/whl/cpu")
    assert (
        "https://download.pytorch.org/whl/cpu" not in words
        and words[words.index("--default-index") + 1] == "https://b/simple"
    )
    assert found.variables()["HTTPS_PROXY"] == "http://p:1"


def test_pytorchs_own_index_is_asked_where_nobody_set_anything_up():
    assert "https://download.pytorch.org/whl/cpu" in find_sources("", "", {}, []).arguments(
        "https://download.pytorch.org/whl/cpu"
    )
    assert (
        find_sources("", "", {}, []).index == "" and find_sources("", "", {"UV_INDEX_URL": "https://x"}, []).is_set_up
    )
    assert find_sources("/wheels", "", {}, []).arguments("https://p")[:2] == ["--no-index", "--offline"]


def test_the_usual_index_is_pips_own_installed_or_brought_by_python(monkeypatch):
    find, usual = sources.importlib.util.find_spec, sources.default_index()
    assert usual.startswith("https://") and usual.endswith("/simple")
    for hidden, expected in ({"pip"}, usual), ({"ensurepip"}, usual), ({"pip", "ensurepip"}, ""):
        monkeypatch.setattr(
            sources.importlib.util, "find_spec", lambda name, h=hidden: None if name in h else find(name)
        )
        assert sources.default_index() == expected


def test_without_any_index_the_cure_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(index, "default_index", str)
    with pytest.raises(InstallError) as raised:
        index.fetch_wheel("uv", {"0"}, "tag", Sources(), tmp_path, lambda there, total: None)
    assert "Package Index" in raised.value.cure
    more = Sources(more=((tmp_path / "simple").as_uri(),), is_set_up=True)
    with pytest.raises(
        InstallError, match=r"simple does not have it\), and this Python knows no package index"
    ) as raised:
        index.fetch_wheel("uv", {"0"}, "tag", more, tmp_path, lambda there, total: None)
    assert "Package Index" in raised.value.cure


def test_files_of_pip_are_looked_for_where_pip_does(monkeypatch):
    monkeypatch.setattr(sources.sys, "platform", "linux")
    names = sources.pip_files({"XDG_CONFIG_DIRS": "/etc/xdg"})
    assert [str(path) for path in names[:2]] == ["/etc/xdg/pip/pip.conf", "/etc/pip.conf"]
    assert sources.pip_files({"PIP_CONFIG_FILE": os.devnull}) == []
    monkeypatch.setattr(sources.sys, "platform", "win32")
    names = sources.pip_files({"PROGRAMDATA": "P", "APPDATA": "A"})
    assert [names[0], names[-1]] == [Path("P/pip/pip.ini"), Path("A/pip/pip.ini")]


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    path, digest = make_wheel(folder, "uv", {"data": os.urandom(300_000).hex()}, "0.13.9", "py3-none-win_amd64")
    found = Index(folder)
    yield found, path, digest
    found.close()


def test_download_goes_on_where_it_stopped(served, tmp_path):
    found, path, digest = served
    found.cut = 1 << 16
    here, told = Sources(index=found.url), []
    with pytest.raises(InstallError, match="could not be downloaded"):
        index.fetch_wheel("uv", {digest}, "win_amd64", here, tmp_path, lambda there, total: told.append((there, total)))
    part = tmp_path / f"{path.name}.part"
    assert 0 < part.stat().st_size <= 1 << 16
    found.cut = None
    whole = index.fetch_wheel(
        "uv", {digest}, "win_amd64", here, tmp_path, lambda there, total: told.append((there, total))
    )
    assert whole.read_bytes() == path.read_bytes() and not part.exists()
    assert found.asked[-1][1]["Range"] == f"bytes={1 << 16}-" and told[-1] == (path.stat().st_size,) * 2


def test_part_of_another_file_is_refused_and_the_next_try_is_clean(served, tmp_path):
    found, path, digest = served
    part = tmp_path / f"{path.name}.part"
    part.write_bytes(b"rubbish")
    with pytest.raises(InstallError, match="not the file that was tested"):
        index.fetch_wheel("uv", {digest}, "win_amd64", Sources(index=found.url), tmp_path, lambda *_: None)
    assert not part.exists()
    assert index.fetch_wheel("uv", {digest}, "win_amd64", Sources(index=found.url), tmp_path, lambda *_: None).exists()


def test_wheel_with_another_hash_or_of_another_platform_is_not_taken(served, tmp_path):
    found, _, digest = served
    for digests, tag in (({"0" * 64}, "win_amd64"), ({digest}, "macosx")):
        with pytest.raises(index.Unreachable, match="does not have it"):
            index.fetch_wheel("uv", digests, tag, Sources(index=found.url), tmp_path, lambda *_: None)
    assert not list(tmp_path.glob("*.whl"))


def test_password_does_not_leave_for_another_host():
    for host, expected in (("files.x", "https://files.x/a.whl"), ("x", "https://anna:secret@x/a.whl")):
        assert index._with_password(f"https://{host}/a.whl", "https://anna:secret@x/simple") == expected
    assert without_secrets("at https://anna:secret@x/simple, http://y") == "at https://***@x/simple, http://y"
