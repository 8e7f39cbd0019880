"""Citations: a text of the repository cites only what a reader of the repository can open.

A file of its own: each house rule has one, and its test imports it.
"""

import re
from collections.abc import Iterator

SECTION = "\N{SECTION SIGN}"
DECISION = re.compile(r"\bdecisions? (\d{4})\b")


def sections(text: str) -> Iterator[str]:
    """Sections that a text cites, each with its line number: no document of the repository has numbered ones."""
    for number, line in enumerate(text.splitlines(), start=1):
        if SECTION in line:
            yield f"{number}: {line.strip()[:80]}"


def decisions(text: str) -> Iterator[str]:
    """The numbers of the decisions that a text cites."""
    yield from DECISION.findall(text)
