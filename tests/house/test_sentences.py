"""Docstrings say what a thing is, or does, in sentences with a subject."""

from __future__ import annotations

import pytest

from tests.house.sentences import headless
from tests.house.tree import ROOT, code


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("Who owns a run: its worker.", ["Who owns a run:"]),
        ("The owner. What it writes is stored.", ["What it writes is stored."]),
        ("Told to\n    those who wait.\n\n    Whoever waits is told.", ["Whoever waits is told."]),
        ("The owner of a run, and what it writes.", []),
        ("Asks: What now?", []),
        ("The owner.\n\n    Args:\n        x: What it owns.", []),
    ],
)
def test_sentences_without_a_subject_are_found(docstring: str, found: list[str]) -> None:
    assert list(headless(f'def f(x):\n    """{docstring}\n    """\n')) == found


def test_each_sentence_has_a_subject() -> None:
    sources = [path for path in code(ROOT) if path.is_relative_to(ROOT / "src")]
    found = [
        f"{path.relative_to(ROOT)}: {sentence}"
        for path in sources
        for sentence in headless(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "say it with a subject: not 'Who owns a run' but 'The owner of a run'"
