"""The page of faults has a sentence for each, and the README states their number.

That the page holds every mark of the tests is checked when they are collected, by `conftest.py`.
"""

import re
from pathlib import Path

from tests.fault_index import Fault, page, told_sentences

README = Path(__file__).parents[1] / "README.md"


def test_every_fault_is_a_sentence_of_its_own():
    sentences = list(told_sentences())
    assert len(set(sentences)) == len(sentences)
    assert all(re.match(r"[A-Z0-9.`\"'*%]", sentence) and not sentence.endswith(".") for sentence in sentences)


def test_the_readme_tells_how_many_there_are():
    told = re.search(r"(\d+) faults", README.read_text(encoding="utf-8"))
    assert told and int(told[1]) == len(list(told_sentences())) >= 100


def test_a_fault_of_two_tests_is_told_once():
    text = page(
        [Fault("b.py", "test_b", "It fell"), Fault("a.py", "test_a", "It fell"), Fault("a.py", "test_c", "It broke")]
    )
    assert "2 faults" in text and "- It fell (`test_a`)" in text and "test_b" not in text
