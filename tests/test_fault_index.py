"""The page of faults is what the marks of the tests say, and every fault is told once."""

import re
from pathlib import Path

from tests.fault_index import INDEX, faults, index

README = Path(__file__).parents[1] / "README.md"


def test_the_page_is_up_to_date():
    assert INDEX.read_text(encoding="utf-8") == index(), "run python3 tests/fault_index.py"


def test_every_fault_is_a_sentence_of_its_own():
    sentences = [fault.sentence for fault in faults()]
    assert len(set(sentences)) == len(sentences)
    assert all(re.match(r"[A-Z0-9.`\"'*%]", sentence) and not sentence.endswith(".") for sentence in sentences)


def test_the_readme_tells_how_many_there_are():
    told = re.search(r"(\d+) faults", README.read_text(encoding="utf-8"))
    assert told and int(told[1]) == len(list(faults())) >= 100
