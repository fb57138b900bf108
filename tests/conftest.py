"""Let the tests import the backend as its own programs do, and give property tests time on a busy machine."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests import fault_index

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

for number in (getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)):
    if signal.getsignal(number) is signal.SIG_IGN:  # a shell's background job, whose children would not hear it either
        signal.signal(number, signal.SIG_DFL)

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hand the marked faults to `fault_index.py` where it asks, and see that its page has them all."""
    marked = [(item, fault_index.as_told(mark.args[0])) for item in items for mark in item.iter_markers("fault")]
    if asked := os.environ.get(fault_index.VARIABLE):
        here = [
            (item.path.relative_to(fault_index.TESTS).as_posix(), item.originalname, told)  # type: ignore[attr-defined]
            for item, told in marked
        ]
        Path(asked).write_text(json.dumps(here), encoding="utf-8")
    elif missing := {told for _, told in marked} - set(fault_index.told_sentences()):
        raise pytest.UsageError(f"tests/faults.md lacks {sorted(missing)}: run tests/fault_index.py")
