"""Lets the tests import the backend as its own programs do, and gives property tests time on a busy machine."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
