"""Traces: no file names the machine that it was written on, nor the place that its packages came from.

A file of its own: each house rule has one, and its test imports it.
"""

import re
from collections.abc import Iterator

# Written so that no pattern matches its own text.
MACHINE = re.compile(
    r"(?<![\w.-])/(?:work|root)/"
    r"|/(?:home|Users)/[a-z]\w*/"
    r"|\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org)"
)


def machine_traces(text: str) -> Iterator[str]:
    """The paths of machines and the hosts of registries in a text, each with its line number."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in MACHINE.finditer(line):
            yield f"{number}: {match.group()}"


def locations(requirements: str) -> list[str]:
    """The lines of a requirements file that say where a package is fetched from, instead of what it is."""
    return [line for line in requirements.splitlines() if "://" in line or line.startswith(("-i ", "-f ", "--"))]
