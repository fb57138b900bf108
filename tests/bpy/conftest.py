"""The tests that need Blender's Python module: each begins with an empty file."""

import os
import sys

import pytest

bpy = pytest.importorskip("bpy")

from tests.bpy.addon import addon  # noqa: E402, F401


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_factory_settings(use_empty=True)


def pytest_sessionfinish(session, exitstatus):
    session.config.exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Exit at once: Blender 4.2 as a module can crash when Python shuts it down, which would set the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(getattr(config, "exit_status", pytest.ExitCode.INTERNAL_ERROR))
