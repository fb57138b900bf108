"""The files that a machine lends a bare root follow from pip's and apt's configuration and from the disk."""

import sys

import pytest

from tests.fresh import lent


@pytest.fixture
def machine(tmp_path):
    """Return the folder of a machine whose pip knows an index and a folder of wheels on its disk."""
    for name in ("shelf/simple/tiny", "my wheels", "wheels", "etc"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("etc/certificates.pem", "etc/constraints.txt"):
        (tmp_path / name).touch()
    file = tmp_path / "etc" / "pip.conf"
    file.write_text(
        f"[global]\nfind-links = {tmp_path}/wheels\n  https://wheels.example/\nextra-index-url =\n"
        f"  file://{tmp_path}/shelf/simple\n  https://index.example/simple\nno-color = true\n"
        f"[install]\nconstraint = {tmp_path}/etc/constraints.txt\n"
    )
    return tmp_path


def test_folders_and_files_that_pip_is_told_of_are_lent(machine):
    pip = lent.pip_here({"PIP_CERT": f"{machine}/etc/certificates.pem"}, [machine / "etc" / "pip.conf"])
    names = ("shelf", "wheels", "etc/certificates.pem", "etc/constraints.txt")
    assert pip.paths == tuple(machine / name for name in names), "pages of an index name files beside its folder"


def test_configuration_in_the_root_says_the_same_to_pip(machine):
    pip = lent.pip_here({"PIP_INDEX_URL": "https://mirror.example/simple"}, [machine / "etc" / "pip.conf"])
    copy = machine / "copy.conf"
    copy.write_text(pip.file)
    again = lent.pip_here({}, [copy])
    assert again == pip and "no-color" not in pip.settings
    assert again.settings["index-url"] == "https://mirror.example/simple"
    assert again.settings["extra-index-url"].split()[1] == "https://index.example/simple"


def test_path_in_a_url_may_be_escaped_and_what_is_missing_is_not_lent(machine):
    found = lent.local_paths({"find-links": f"file://{machine}/my%20wheels {machine}/gone relative"}, ["find-links"])
    assert found == [machine / "my wheels"]


def test_certificates_of_other_programs_are_pips_too(machine):
    variables = {"SSL_CERT_FILE": f"{machine}/etc/certificates.pem"}
    assert lent.pip_here(variables, []).settings == {"cert": f"{machine}/etc/certificates.pem"}
    assert lent.pip_here({}, []) == lent.Pip({}, ())


def test_proxies_are_lent_and_nothing_else_of_the_environment():
    told = {"https_proxy": "http://proxy:3128", "NO_PROXY": "localhost", "PATH": "/bin", "TOKEN": "secret"}
    assert lent.proxies(told) == {"https_proxy": "http://proxy:3128", "NO_PROXY": "localhost"}


def test_mirror_is_that_of_apt(tmp_path):
    assert lent.mirror_of_apt(tmp_path) == ""
    folder = tmp_path / "etc" / "apt" / "sources.list.d"
    folder.mkdir(parents=True)
    text = "Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian-security\n"
    (folder / "debian.sources").write_text(text)
    assert lent.mirror_of_apt(tmp_path) == ""
    (folder / "debian.sources").write_text(text + "URIs: http://mirror.example/debian\n")
    assert lent.mirror_of_apt(tmp_path) == "http://mirror.example/debian"
    (tmp_path / "etc" / "apt" / "sources.list").write_text("deb https://first.example/debian/ trixie main\n")
    assert lent.mirror_of_apt(tmp_path) == "https://first.example/debian/"


def test_python_of_an_environment_is_lent_whole(tmp_path):
    found = lent.python_at(sys.executable)
    if found is None:
        assert sys.base_prefix == "/usr", "only a Python whose files lie among the system's cannot be lent"
    else:
        assert str(found.folder) == sys.base_prefix and found.program.exists()
        assert found.version == ".".join(map(str, sys.version_info[:2]))
    assert lent.python_at(str(tmp_path / "none")) is None
