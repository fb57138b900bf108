"""The whole installation in its own process, with the real uv, tiny packages and an index on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon import backend_files
from blender_addon.backend_files import protocol
from blender_addon.install import places
from blender_addon.install.messages import Action, Failed, Finished, Planned, Progress, Request
from blender_addon.jobs.record import new_record

from .shelf import Index, Shelf, needs_uv, run

pytestmark = needs_uv
PATIENCE = 120


def ended(session):
    """The last message, and all of them."""
    end, heard = time.monotonic() + PATIENCE, []
    while not session.is_over:
        assert time.monotonic() < end, heard
        heard += session.poll()
        time.sleep(0.02)
    return heard[-1], heard


def install(shelf, monkeypatch, action=Action.INSTALL, **options):
    return ended(run(shelf, Request(action, online=True, **options), monkeypatch))


def until(session, stage, text=""):
    """Wait until a stage has begun."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for message in session.poll():
            assert isinstance(message, Progress), message
            if message.stage == stage and text in message.text:
                return
        time.sleep(0.01)
    raise AssertionError(f"{stage} did not begin")


def environments(home):
    return sorted(path.name for path in (home / "envs").iterdir() if path.is_dir()) if (home / "envs").exists() else []


def test_from_an_index_to_the_environment_in_use(home, shelf, index, monkeypatch):
    last, heard = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Finished), last
    stages = list(dict.fromkeys(message.stage for message in heard[:-1]))
    assert stages == ["preflight", "tool", "python", "download", "install", "import", "trial"]
    folder = backend_files.installed_environment()
    assert folder is not None and folder.parent == home / "envs" and str(folder) in last.python
    assert folder.name.endswith(f"-py{sys.version_info[0]}{sys.version_info[1]}")
    code = "import torch; print(torch.__version__)"
    assert subprocess.check_output([last.python, "-I", "-c", code], text=True) == "9.0\n"
    assert backend_files.find_python() == folder / "bin" / "python"
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
    assert isinstance(last, Failed) and "filler" in last.problem and "Complete the folder" in last.cure
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
    """A certificate for 127.0.0.1, with its key, made by an authority that no computer trusts; and that authority's."""
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
    ("code", "problem"), [(503, "could not be reached"), (403, "not where packages are"), (404, "not where packages are")]
)
def test_index_that_breaks_is_told(home, shelf, index, monkeypatch, code, problem):
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)  # uv is there from now on
    before = backend_files.installed_environment()
    shelf.put("other", {"other.py": ""})
    index.broken = code
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and problem in last.problem, last
    assert backend_files.installed_environment() == before and environments(home) == [before.name]


def test_file_that_is_not_the_tested_one_is_refused(home, shelf, index, monkeypatch):
    line = next(line for line in shelf.lock.read_text().splitlines() if line.startswith("filler"))
    shelf.lock.write_text(shelf.lock.read_text().replace(line[-64:], "0" * 64))
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "not the one that was tested" in last.problem
    assert environments(home) == []


def test_the_old_environment_stays_until_the_new_one_passed(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_files.installed_environment()
    shelf.put("everything", {"numpy/__init__.py": "raise ImportError('no DLL')"}, "2.0")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "A package cannot be loaded: torch" in last.problem
    assert backend_files.installed_environment() == before and environments(home) == [before.name]


def test_update_replaces_the_old_environment(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_files.installed_environment()
    shelf.put("more", {"more.py": ""})
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Finished)
    assert environments(home) == [backend_files.installed_environment().name] != [before.name]


def test_environment_that_a_job_may_use_is_not_removed(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    before = backend_files.installed_environment()
    record = new_record(home / "jobs", protocol.Animate(clip="x", out=()), title="x")
    shelf.put("more", {"more.py": ""})
    install(shelf, monkeypatch, index=index.url)
    assert before.name in environments(home) and backend_files.installed_environment() != before
    record.release()
    shelf.put("extra", {"extra.py": ""})
    install(shelf, monkeypatch, index=index.url)
    assert environments(home) == [backend_files.installed_environment().name]


def test_trial_that_fails_is_no_installation(home, shelf, index, monkeypatch):
    (shelf.folder / "backend" / "actionmesh" / "__main__.py").write_text("raise SystemExit('no animation')")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "no animation" in last.problem
    assert backend_files.installed_environment() is None and environments(home) == []


def test_repair_downloads_anew_what_was_damaged(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    folder = backend_files.installed_environment()
    (module,) = folder.glob("lib/*/site-packages/scipy/__init__.py")
    module.write_text("raise ImportError('damaged')")  # the cache has the same file
    last, heard = install(shelf, monkeypatch, Action.REPAIR, index=index.url)
    assert isinstance(last, Finished), last
    assert [message.text for message in heard[:-1]].count("Loading every package once") == 2
    assert backend_files.installed_environment() != folder and len(environments(home)) == 1


def test_remove_leaves_jobs_and_logs_alone(home, shelf, index, monkeypatch):
    install(shelf, monkeypatch, index=index.url)
    (home / "jobs").mkdir()
    last, _ = install(shelf, monkeypatch, Action.REMOVE)
    assert isinstance(last, Finished) and last.bytes > 1000
    assert environments(home) == [] and not (home / "installer").exists()
    assert (home / "jobs").exists() and (home / "logs").exists() and backend_files.installed_environment() is None


@pytest.fixture
def slow(tmp_path):
    """A shelf whose download takes several seconds."""
    shelf = Shelf(tmp_path / "tree", filler=1_000_000)
    index = Index(shelf.wheels, delay=0.05)
    yield shelf, index
    index.close()


def processes_below(folder):
    """Numbers and command lines of the processes that name a folder."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_text()
                state = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(folder) in words and state != "Z":
                found[int(entry)] = words.replace("\0", " ")
    return found


def test_cancel_ends_everything_and_the_next_try_goes_well(home, slow, monkeypatch):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    start = time.monotonic()
    session.cancel()
    last, _ = ended(session)
    assert isinstance(last, Failed) and last.cancelled and time.monotonic() - start < 3
    assert environments(home) == [] and not [line for line in processes_below(home).values() if "pip install" in line]
    index.delay, before = 0, len(index.asked)
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)
    files = [path for path, _ in index.asked[before:] if path.startswith("/files/") and not path.endswith(".metadata")]
    assert files and not [path for path in files if "everything" in path], "it is whole in the cache"


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_installer_is_told_and_its_half_is_never_used(home, slow, monkeypatch, signal_number):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    os.kill(session._process.pid, signal_number)
    last, _ = ended(session)
    assert isinstance(last, Failed) and "ended by itself" in last.problem and "goes on where it stopped" in last.cure
    (half,) = environments(home)
    assert backend_files.installed_environment() is None
    with pytest.raises(backend_files.BackendMissing):
        backend_files.find_python()
    index.delay = 0
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)
    assert len(environments(home)) == 1 and places.read_passed(home / "envs" / half) is not None


def test_blender_that_dies_takes_the_installer_with_it(home, slow, monkeypatch):
    shelf, index = slow
    index.delay = 0.5  # a minute, unless it is ended
    request = json.dumps({"action": "install", "online": True, "index": index.url}) + "\n"
    code = f"""
import subprocess, sys, time
process = subprocess.Popen([sys.executable, "-I", "-B", {str(shelf.main)!r}], stdin=subprocess.PIPE)
process.stdin.write({request!r}.encode()); process.stdin.flush()
time.sleep(60)
"""
    blender = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not [line for line in processes_below(home).values() if "pip install" in line]:
        assert time.monotonic() < end
        time.sleep(0.05)
    blender.kill()
    blender.wait()
    end = time.monotonic() + 10
    while processes_below(shelf.main) or processes_below(home):
        assert time.monotonic() < end, processes_below(home)
        time.sleep(0.05)


def test_two_installers_do_not_meet(home, slow, monkeypatch):
    shelf, index = slow
    first = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(first, "download", "MB")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "Another Blender" in last.problem
    first.cancel()
    ended(first)


@pytest.fixture
def small_disk(home):
    """A file system of six megabytes where the user's folder is; only root can make one, and only on Linux."""
    home.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(home)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_disk_that_is_too_small_is_told_before_anything_is_downloaded(small_disk, shelf, index, monkeypatch):
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "needs 0.5 GB" in last.problem and "0.0 GB are free" in last.problem
    assert not index.asked and "ACTIONMESH_HOME" in last.cure


def test_disk_that_fills_up_meanwhile_is_told(small_disk, slow, monkeypatch):
    shelf, index = slow
    index.delay = 0
    shelf.put("filler", {"filler/data": os.urandom(4_000_000).hex()})
    preflight = shelf.folder / "blender_addon" / "install" / "preflight.py"
    preflight.write_text(preflight.read_text().replace("SPARE = GIGABYTE // 2", "SPARE = 0"))
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and last.problem == "The disk is full.", last
    assert environments(small_disk) == []


def test_program_that_is_killed_is_told(home, slow, monkeypatch):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    (uv,) = [pid for pid, words in processes_below(home).items() if "pip install" in words]
    os.kill(uv, signal.SIGKILL)
    last, _ = ended(session)
    assert isinstance(last, Failed) and "memory ran out" in last.problem and environments(home) == []
