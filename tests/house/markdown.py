"""Markdown: its links, and the code in it."""

import re
from collections.abc import Iterator
from pathlib import Path

FENCE = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
INLINE_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'(][^)]*)?\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def prose(text: str) -> str:
    """A text without its code, which may look like links."""
    return SPAN.sub("", FENCE.sub("", text))


def code(text: str) -> str:
    """The code of a text: its fenced blocks and its spans."""
    blocks = [match.group() for match in FENCE.finditer(text)]
    spans = [match.group(2) for match in SPAN.finditer(FENCE.sub("", text))]
    return "\n".join(blocks + spans)


def relative_links(text: str) -> Iterator[str]:
    """The links of a text to other files, without their anchors."""
    written = prose(text)
    for target in INLINE_LINK.findall(written) + REFERENCE.findall(written):
        if not SCHEME.match(target) and (file := target.partition("#")[0]):
            yield file


def dead_links(path: Path, text: str) -> list[str]:
    """The relative links in a file that lead to no file. One from the root of a site is dead everywhere else."""
    return [link for link in relative_links(text) if link.startswith("/") or not (path.parent / link).exists()]
