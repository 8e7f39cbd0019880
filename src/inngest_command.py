"""The `inngest` command.

A file of its own: it is beside the package, so that a Ctrl-C while that is imported is quiet, too.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process. An interruption exits with 130, whenever it comes."""
    try:
        from inngest.cli import main as run  # noqa: PLC0415 - what takes time is imported inside of this
    except KeyboardInterrupt:
        sys.exit(130)
    run()
