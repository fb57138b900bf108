"""A user's folder for each test, no settings of this machine's pip, and an index."""

import os
import sys

import pytest

from blender_addon.process import backend_locator

from .shelf import Index, Shelf


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the installer's folder, with nothing of this machine or clone naming other sources or environments."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name.lower() in (
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "ssl_cert_file",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ACTIONMESH_BASE_PYTHON", sys.executable)
    monkeypatch.delenv("ACTIONMESH_PYTHON", raising=False)
    monkeypatch.setattr(backend_locator, "BESIDE", ())
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "tree")


@pytest.fixture
def index(shelf):
    served = Index(shelf.wheels)
    yield served
    served.close()
