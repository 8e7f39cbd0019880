"""The Makefile: its commands, and where people are told of them.

A file of its own: each house rule has one, and its test imports it.
"""

import re

TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)(.*)$", re.MULTILINE)
COMMAND = re.compile(r"\bmake(?: +[A-Z]+=\S+)* +([a-z][a-z-]*)")
ORDER = re.compile(r"^ORDER := (.+)$", re.MULTILINE)


def targets(makefile: str) -> dict[str, str]:
    """The commands of a Makefile, each with its line of help (empty where it has none)."""
    return {name: rest.partition("## ")[2].strip() for name, rest in TARGET.findall(makefile)}


def suites(makefile: str) -> list[str]:
    """The test suites that `make test` runs, in order."""
    found = ORDER.search(makefile)
    return found.group(1).split() if found else []


def commands(code: str) -> set[str]:
    """The make commands in a piece of code."""
    return set(COMMAND.findall(code))
