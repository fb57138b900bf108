"""Jobs on another computer, through a real ssh server on the loopback address.

Most of them use a scripted worker there, so that it is known what is going on when the line is cut; one uses the real
worker with the bundled weights.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from actionmesh import cli, protocol
from actionmesh.protocol import Animate, Kind, Look, ProgressNotice, ProtocolError, Stage
from actionmesh.remote import line as line_module
from actionmesh.remote.errand import ask
from actionmesh.remote.parcel import made_from
from actionmesh.remote.place import Place
from tests.addon.fake_worker import PICTURE
from tests.backend.loopback_sshd import BACKEND, HOST, Server, needs_sshd, package_with_worker, program

pytestmark = needs_sshd
FAKE_WORKER = Path(__file__).resolve().parents[1] / "addon" / "fake_worker.py"
DEMO = BACKEND / "actionmesh" / "checkpoints" / "toy" / "demo"
TIMEOUT = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("ssh"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def fake(server):
    """Return a place with the scripted worker."""
    package = package_with_worker(server.folder / "fake", FAKE_WORKER)
    return Place(HOST, backend=program(server.folder / "fake-bin", package))


@pytest.fixture(scope="module")
def real(server):
    return Place(HOST, backend=program(server.folder / "real-bin", BACKEND))


@pytest.fixture(autouse=True)
def use_server(server, monkeypatch):
    monkeypatch.setenv("PATH", server.path())
    monkeypatch.setattr(line_module, "PAUSES", (0.1,))
    yield
    server.network.unlink(missing_ok=True)
    server.know("host")
    until(lambda: not workers())


def until(look):
    end = time.monotonic() + TIMEOUT
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return found


def job(folder, how="quick", text="a clip", **changes):
    """Return a job of the scripted worker; its clip's name says how it goes, see `fake_worker`."""
    clip = folder / how
    clip.write_text(text)
    return Animate(str(clip), (str(folder / "result.safetensors"),), **changes)


def lines():
    """Return the ssh processes of this process."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "ssh"]


def sessions(server):
    folder = server.there / "sessions"
    return list(folder.iterdir()) if folder.is_dir() else []


def workers():
    """Return the scripted workers and the holders that run."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        ours = {"remote", "hold"} <= set(words) or any("fake/actionmesh" in word for word in words)
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_a_whole_job_with_the_bundled_weights(server, real, tmp_path, capsys):
    mesh = shutil.copy(DEMO / "mesh.glb", tmp_path / "my mesh.glb")
    results = [tmp_path / name for name in ("walk.safetensors", "walk.glb", "poses")]
    words = ["animate", str(DEMO / "clip.mp4"), "--mesh", str(mesh), "--preset", "demo", "--match", "off"]
    words += ["--facing", "+Z", "--count", "2", "--device", "cpu", "--checkpoint", "toy"]
    words += [word for result in results for word in ("-o", str(result))]
    words += ["--host", real.host, "--host-backend", real.backend]
    assert cli.main(words) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert all(f"Wrote {result}" in printed for result in results) and "2 poses of 2376 vertices" in printed
    made = made_from(results[0])
    assert (made.clip, made.mesh) == (str(DEMO / "clip.mp4"), str(mesh)), "the result names this computer's files"
    assert str(server.there) not in results[1].read_bytes()[:200_000].decode("latin-1")
    assert len(list(results[2].iterdir())) == 2
    assert len(list((server.there / "files").iterdir())) == 2
    until(lambda: not any((server.there / "jobs").iterdir()))


def test_a_file_is_sent_once(server, fake, tmp_path):
    first, second = [], []
    ask(fake, job(tmp_path, text="x" * 3_000_000), first.append)
    ask(fake, job(tmp_path, text="x" * 3_000_000), second.append)
    sent = [notice for notice in first if notice.stage is Stage.SENDING]
    assert sent[0].step == 0 and sent[-1].step == sent[-1].total == 3_000_000 and sent[0].item == HOST
    assert [notice.step for notice in sent] == sorted(notice.step for notice in sent)
    assert Stage.SENDING not in {notice.stage for notice in second}


def test_sending_goes_on_where_it_stopped(server, fake, tmp_path):
    task = job(tmp_path, text="y" * 3_000_000)
    ask(fake, task)
    (whole,) = [path for path in (server.there / "files").iterdir() if path.read_bytes()[:1] == b"y"]
    whole.with_name(f"{whole.name}.part").write_bytes(whole.read_bytes()[:2_000_000])
    whole.unlink()
    notices = []
    ask(fake, task, notices.append)
    assert {notice.total for notice in notices if notice.stage is Stage.SENDING} == {1_000_000}
    assert whole.read_text() == "y" * 3_000_000


@pytest.mark.fault("The line to another computer is cut during a job.")
def test_a_job_goes_on_when_its_line_is_cut(server, fake, tmp_path):
    notices, cuts = [], [30, 90]

    def report(notice):
        notices.append(notice)
        if notice.stage is Stage.READING and cuts and notice.step >= cuts[0]:
            cuts.pop(0)
            for process in lines():
                process.kill()

    answer = ask(fake, job(tmp_path, "steady"), report)
    assert Path(answer.out[0]).read_text() == "a result" and answer.out == (str(tmp_path / "result.safetensors"),)
    assert [notice.step for notice in notices if notice.stage is Stage.READING] == list(range(201))
    assert [notice.stage for notice in notices].count(Stage.WAITING) == 2


@pytest.mark.fault("The line to another computer is cut while a file is sent, and while a result comes back.")
def test_files_arrive_whole_over_a_line_that_is_cut(server, fake, tmp_path, monkeypatch):
    cuts = {Stage.SENDING: 500_000, Stage.FETCHING: 0}

    def report(notice):
        if notice.step >= cuts.get(notice.stage, notice.total + 1):
            cuts.pop(notice.stage)
            for process in lines():
                process.kill()

    ask(fake, job(tmp_path, text="z" * 6_000_000), report)
    assert not cuts and (tmp_path / "result.safetensors").read_text() == "a result"
    assert any(path.read_bytes()[:1] == b"z" for path in (server.there / "files").iterdir() if path.suffix != ".part")


@pytest.mark.fault("The line to another computer is cut during a job, and stays cut.")
def test_a_line_that_stays_cut_is_one_sentence_and_the_job_there_ends(server, fake, tmp_path):
    def report(notice):
        if notice.stage is Stage.READING and notice.step == 20:
            server.network.touch()
            for process in lines():
                process.kill()

    place = Place(HOST, backend=fake.backend, minutes=0.03)
    with pytest.raises(ProtocolError, match="was cut and could not be restored for 0.03 minutes") as caught:
        ask(place, job(tmp_path, "slow"), report)
    assert caught.value.kind is Kind.CANNOT_REACH and "Run the job again" in caught.value.cure
    until(lambda: not workers() and not sessions(server))
    assert not (tmp_path / "result.safetensors").exists()


@pytest.mark.fault("Another computer is restarted during a job.")
def test_a_session_that_is_gone_is_one_sentence(server, fake, tmp_path):
    def report(notice):
        if notice.stage is Stage.READING and notice.step == 20:
            for process in workers():
                with suppress(psutil.Error):
                    process.kill()

    with pytest.raises(ProtocolError, match="ended while the line was cut|stopped unexpectedly"):
        ask(fake, job(tmp_path, "slow"), report)
    ask(fake, job(tmp_path))
    shutil.rmtree(server.there / "sessions")  # what a killed holder leaves is removed after a minute, with the next one


def test_a_worker_that_dies_there_is_one_sentence_with_its_last_words(server, fake, tmp_path):
    log = []
    with pytest.raises(ProtocolError, match=f"The worker on {HOST} stopped unexpectedly .exit code 3"):
        ask(fake, job(tmp_path, "crash"), log=log.append)
    assert "the last words of the backend" in "".join(log)
    until(lambda: not sessions(server))


@pytest.mark.fault("A failed job names a picture that stayed on another computer")
def test_the_picture_of_a_misfit_is_fetched(fake, tmp_path):
    picture = tmp_path / "result_misfit.png"
    with pytest.raises(ProtocolError) as caught:
        ask(fake, job(tmp_path, "misfit", bend=True))
    assert caught.value.problem == f"target.ply cannot be bent. {picture} shows it."
    assert picture.read_bytes() == PICTURE


def test_a_job_is_cancelled_there(server, fake, tmp_path):
    seen = []
    with pytest.raises(ProtocolError) as caught:
        ask(fake, job(tmp_path, "slow"), seen.append, lambda: any(n.step > 5 for n in seen if n.stage is Stage.READING))
    assert caught.value.kind is Kind.CANCELLED
    until(lambda: not workers() and not sessions(server))


def test_sending_is_cancelled(server, fake, tmp_path):
    seen = []
    with pytest.raises(ProtocolError) as caught:
        task = job(tmp_path, text="w" * 30_000_000)
        ask(fake, task, seen.append, lambda: any(n.step > 0 for n in seen if n.stage is Stage.SENDING))
    assert caught.value.kind is Kind.CANCELLED and not (tmp_path / "result.safetensors").exists()


def test_a_cancel_while_the_line_is_cut_does_not_wait_for_it(server, fake, tmp_path):
    def report(notice):
        seen.append(notice.stage)
        if notice.stage is Stage.READING and notice.step == 10:
            server.network.touch()
            for process in lines():
                process.kill()

    seen = []
    with pytest.raises(ProtocolError) as caught:
        place = Place(HOST, backend=fake.backend, minutes=0.1)
        ask(place, job(tmp_path, "slow"), report, lambda: Stage.WAITING in seen)
    assert caught.value.kind is Kind.CANCELLED


@pytest.mark.parametrize("end", ["kill", "close"])
@pytest.mark.fault("Blender ends, or is killed, while its job runs on another computer.")
def test_the_job_there_ends_with_its_client(server, fake, tmp_path, end):
    """A client that is killed says nothing, and the grace time passes; one that ends closes its pipe."""
    minutes = "0.03" if end == "kill" else "10"
    words = ["--host", HOST, "--host-backend", fake.backend, "--host-minutes", minutes]
    command = [sys.executable, "-I", "-S", "-B", str(BACKEND / "actionmesh" / "worker.py"), *words]  # as Blender does
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for id, params in enumerate((protocol.Initialize(brief=True), job(tmp_path, "slow")), 1):
        client.stdin.write(protocol.encode(protocol.Request(id, params)))
    client.stdin.flush()
    while b'"step": 3' not in client.stdout.readline():
        pass
    assert workers()
    if end == "kill":
        client.send_signal(signal.SIGKILL)
    client.stdin.close()
    client.wait()
    client.stdout.close()
    until(lambda: not workers() and not sessions(server))


def refusal(place, folder):
    with pytest.raises(ProtocolError) as caught:
        ask(place, job(folder))
    assert caught.value.kind is Kind.CANNOT_REACH and caught.value.cure and "\n" not in str(caught.value)
    return caught.value


def test_an_unknown_key_is_refused(server, fake, tmp_path):
    (server.folder / "known_hosts").write_text("")
    refused = refusal(fake, tmp_path)
    assert refused.problem == f"ssh does not know the key of {HOST} yet, so nothing was sent."
    assert (server.folder / "known_hosts").read_text() == "", "no key is accepted by itself"


@pytest.mark.fault("The key of another computer is not the one that ssh knows.")
def test_a_changed_key_is_refused(server, fake, tmp_path):
    server.know("other")
    refused = refusal(fake, tmp_path)
    assert "differs from the one that ssh knows" in refused.problem and "ssh-keygen -R loopback" in refused.cure


@pytest.mark.parametrize(("host", "words"), [
    ("closed", "closed refused the connection."),
    ("no-such-computer.invalid", "No computer named no-such-computer.invalid was found."),
    ("nobody@loopback", "nobody@loopback did not accept a key of yours"),
    ("-oProxyCommand=touch x", "is not the name of a host"),
    ("a b", "is not the name of a host"),
    ("a;b", "is not the name of a host"),
])  # fmt: skip
def test_a_computer_that_cannot_be_reached_is_one_sentence(fake, tmp_path, host, words):
    assert words in refusal(Place(host, backend=fake.backend), tmp_path).problem


def script(folder, text):
    folder.mkdir(exist_ok=True)
    path = folder / "actionmesh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_backend_is_one_sentence(tmp_path):
    for backend in (str(tmp_path / "nothing"), "/usr", ""):
        assert refusal(Place(HOST, backend=backend), tmp_path).problem == f"ActionMesh was not found on {HOST}."


def test_a_backend_of_another_version_is_one_sentence(tmp_path):
    greeting = json.dumps({"remote": 1, "protocol": 3, "version": "0.0.1"})
    other = Place(HOST, backend=script(tmp_path, f"echo 'ACTIONMESH-REMOTE {greeting}'; cat"))
    refused = refusal(other, tmp_path)
    assert "has ActionMesh 0.0.1, which speaks protocol 3" in refused.problem and "same version" in refused.cure
    old = script(tmp_path, "echo \"error: invalid choice: 'remote'\" >&2; exit 2")
    assert "is too old" in refusal(Place(HOST, backend=old), tmp_path).problem


def test_a_greeting_of_the_shell_is_no_answer(fake, tmp_path):
    friendly = script(tmp_path, f'echo "Welcome, {{artist}}!"; exec {fake.backend} "$@"')
    assert ask(Place(HOST, backend=friendly), job(tmp_path)).poses == 5
    rude = script(tmp_path, "head -c 200000 /dev/zero | tr '\\0' x")
    assert f"The line to {HOST} ended" in refusal(Place(HOST, backend=rude), tmp_path).problem


def test_no_ssh_program_is_one_sentence(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "The program ssh, which reaches other computers, was not found." == refusal(fake, tmp_path).problem


def test_a_look_brings_its_picture(fake, tmp_path):
    (tmp_path / "quick").write_text("a clip")
    with pytest.raises(ProtocolError, match="does not exist"):  # the scripted worker writes no picture
        ask(fake, Look(str(tmp_path / "quick"), str(tmp_path / "look.png")))


def test_a_result_that_cannot_be_written_here_is_refused_before_anything_is_sent(fake, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "quick").write_text("a clip")
    seen = []
    with pytest.raises(ProtocolError) as caught:
        ask(fake, Animate(str(tmp_path / "quick"), (str(tmp_path / "file" / "a.safetensors"),)), seen.append)
    assert caught.value.kind is Kind.CANNOT_WRITE and not seen


def test_models_are_not_downloaded_to_the_wrong_computer(fake, tmp_path):
    with pytest.raises(ProtocolError, match="downloaded on that computer"):
        ask(fake, protocol.Download(("actionmesh",), str(tmp_path)))


def test_the_words_of_a_place_reach_its_shell_unharmed(fake, tmp_path):
    odd = tmp_path / 'it\'s $HOME; touch x & "y"'
    odd.mkdir()
    shutil.copy(fake.backend, odd / "actionmesh")
    for backend in (str(odd / "actionmesh"), str(odd)):
        if backend == str(odd):
            (odd / "bin").mkdir()
            shutil.move(odd / "actionmesh", odd / "bin" / "actionmesh")
        assert ask(Place(HOST, backend=backend), job(tmp_path)).poses == 5
    assert not (tmp_path / "x").exists()


def test_progress_is_the_workers_own(fake, tmp_path):
    notices: list[ProgressNotice] = []
    ask(fake, job(tmp_path), notices.append)
    assert [notice.step for notice in notices if notice.stage is Stage.READING] == [0, 1, 2]
