"""The whole installation in its own process, with the real uv, tiny packages and an index on loopback."""

import os
import subprocess
import sys

import pytest

from blender_addon.install import places
from blender_addon.install.messages import Action, Failed, Finished, Planned, Request
from blender_addon.jobs.record import new_record
from blender_addon.process import backend_locator
from blender_addon.process.backend_locator import protocol

from .shelf import Index, ended, environments, install, needs_uv, run

pytestmark = needs_uv


def test_from_an_index_to_the_environment_in_use(home, shelf, index, monkeypatch):
    last, heard = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Finished), last
    stages = list(dict.fromkeys(message.stage for message in heard[:-1]))
    assert stages == ["preflight", "tool", "python", "download", "install", "import", "trial"]
    folder = backend_locator.installed_environment()
    assert folder is not None and folder.parent == home / "envs" and str(folder) in last.python
    assert folder.name.endswith(f"-py{sys.version_info[0]}{sys.version_info[1]}")
    code = "import torch; print(torch.__version__)"
    assert subprocess.check_output([last.python, "-I", "-c", code], text=True) == "9.0\n"
    assert backend_locator.find_python() == folder / "bin" / "python"
    passed = places.read_passed(folder)
    assert passed.versions["torch"] == "9.0" and passed.kind == "cpu" and passed.base == sys.executable
    assert os.access(home / "installer" / "uv-0.13.9" / "uv", os.X_OK)


def test_plan_downloads_nothing(home, shelf, index, monkeypatch):
    last, _ = install(shelf, monkeypatch, Action.PLAN, index=index.url)
    assert isinstance(last, Planned) and (last.download, last.installed) == (2_000, 6_000)
    assert last.folder == str(home) and last.source == index.url
    assert not index.asked and environments(home) == []


def test_without_permission_nothing_is_asked(home, shelf, index, monkeypatch):
    last, _ = ended(run(shelf, Request(Action.INSTALL, online=False, index=index.url), monkeypatch))
    assert last == Failed(
        "Blender may not use the network.",
        "Switch on Allow Online Access under Preferences > System > Network, or choose a folder of wheels.",
    )
    assert not index.asked


def test_from_a_folder_of_wheels_without_any_network(home, shelf, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # whoever asks it fails
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    request = Request(Action.INSTALL, online=False, wheels=str(shelf.wheels))
    last, _ = ended(run(shelf, request, monkeypatch))
    assert isinstance(last, Finished), last


def test_folder_that_lacks_a_wheel_names_it(home, shelf, monkeypatch):
    next(shelf.wheels.glob("filler-*")).unlink()
    last, _ = install(shelf, monkeypatch, wheels=str(shelf.wheels))
    assert isinstance(last, Failed) and "filler" in last.problem and "Add it to the folder" in last.cure
    assert environments(home) == []


def test_index_behind_a_password_in_its_url(home, shelf, index, monkeypatch):
    index.password = "Basic YW5uYTpzZWNyZXQ="  # anna:secret
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and last.problem == "The package index refused access."
    last, _ = install(shelf, monkeypatch, index=index.url.replace("//", "//anna:secret@"))
    assert isinstance(last, Finished), last
    logs = "".join(path.read_text() for path in (home / "logs" / "install").glob("*.log"))
    assert "secret" not in logs and "//***@127.0.0.1" in logs


def test_proxy_is_used(home, shelf, index, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", index.url.removesuffix("/simple"))
    monkeypatch.setenv("NO_PROXY", "")
    last, _ = install(shelf, monkeypatch, index="http://packages.invalid/simple")
    assert isinstance(last, Finished), last
    assert {"packages.invalid"} == {headers["Host"] for _, headers in index.asked if "Host" in headers}


def test_mirror_of_pips_settings_is_used(home, shelf, index, monkeypatch, tmp_path):
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {index.url}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    last, _ = install(shelf, monkeypatch)
    assert isinstance(last, Finished), last


@pytest.fixture(scope="session")
def company(tmp_path_factory):
    """Make a certificate for 127.0.0.1, with its key, from an untrusted authority; and the authority's certificate."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    new_key = "-newkey rsa:2048 -nodes"
    for words in (
        f"req -x509 {new_key} -days 2 -subj /CN=company -keyout ca.key -out ca.pem",
        f"req {new_key} -subj /CN=127.0.0.1 -keyout own.key -out own.csr",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out own.pem",
    ):
        if subprocess.run(["openssl", *words.split()], cwd=folder, capture_output=True).returncode != 0:
            pytest.skip("no openssl here")
    identity, trusted = folder / "identity.pem", folder / "ca.pem"
    identity.write_bytes((folder / "own.pem").read_bytes() + (folder / "own.key").read_bytes())
    return identity, trusted


@pytest.mark.parametrize("has_uv", [False, True])
def test_certificate_of_a_company_is_trusted_when_it_is_named(home, shelf, company, monkeypatch, tmp_path, has_uv):
    identity, trusted = company
    if has_uv:
        assert isinstance(install(shelf, monkeypatch, wheels=str(shelf.wheels))[0], Finished)
        shelf.put("more", {"more.py": ""})
    index = Index(shelf.wheels, identity=identity)
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "certificate is not trusted" in last.problem and "SSL_CERT_FILE" in last.cure
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\ncert = {trusted}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Finished), last
    index.close()


@pytest.mark.parametrize(
    ("code", "problem"),
    [(503, "could not be reached"), (403, "not in the package index"), (404, "not in the package index")],
)
def test_index_that_breaks_is_told(home, shelf, index, monkeypatch, code, problem):
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)  # uv is there from now on
    before = backend_locator.installed_environment()
    shelf.put("other", {"other.py": ""})
    index.broken = code
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and problem in last.problem, last
    assert backend_locator.installed_environment() == before and environments(home) == [before.name]


def test_file_that_is_not_the_tested_one_is_refused(home, shelf, index, monkeypatch):
    line = next(line for line in shelf.lock.read_text().splitlines() if line.startswith("filler"))
    shelf.lock.write_text(shelf.lock.read_text().replace(line[-64:], "0" * 64))
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "not the one that was tested" in last.problem
    assert environments(home) == []


def test_the_old_environment_stays_until_the_new_one_passed(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_locator.installed_environment()
    shelf.put("everything", {"numpy/__init__.py": "raise ImportError('no DLL')"}, "2.0")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "A package cannot be loaded: torch" in last.problem
    assert backend_locator.installed_environment() == before and environments(home) == [before.name]


def test_update_replaces_the_old_environment(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_locator.installed_environment()
    shelf.put("more", {"more.py": ""})
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Finished)
    assert environments(home) == [backend_locator.installed_environment().name] != [before.name]


def test_environment_that_a_job_may_use_is_not_removed(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_locator.installed_environment()
    record = new_record(home / "jobs", protocol.Animate(clip="x", out=()), title="x")
    shelf.put("more", {"more.py": ""})
    install(shelf, monkeypatch, index=index.url)
    assert before.name in environments(home) and backend_locator.installed_environment() != before
    record.release()
    shelf.put("extra", {"extra.py": ""})
    install(shelf, monkeypatch, index=index.url)
    assert environments(home) == [backend_locator.installed_environment().name]


def test_trial_that_fails_is_no_installation(home, shelf, index, monkeypatch):
    (shelf.folder / "backend" / "actionmesh" / "__main__.py").write_text("raise SystemExit('no animation')")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "no animation" in last.problem
    assert backend_locator.installed_environment() is None and environments(home) == []


def test_repair_downloads_anew_what_was_damaged(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    folder = backend_locator.installed_environment()
    (module,) = folder.glob("lib/*/site-packages/scipy/__init__.py")
    module.write_text("raise ImportError('damaged')")  # the cache has the same file
    last, heard = install(shelf, monkeypatch, Action.REPAIR, index=index.url)
    assert isinstance(last, Finished), last
    assert [message.text for message in heard[:-1]].count("Loading every package once") == 2
    assert backend_locator.installed_environment() != folder and len(environments(home)) == 1


def test_remove_leaves_jobs_and_logs_alone(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    (home / "jobs").mkdir()
    last, _ = install(shelf, monkeypatch, Action.REMOVE)
    assert isinstance(last, Finished) and last.bytes > 1000
    assert environments(home) == [] and not (home / "installer").exists()
    assert (home / "jobs").exists() and (home / "logs").exists() and backend_locator.installed_environment() is None
