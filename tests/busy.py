"""Run a command beside two processes that burn CPU: `python -m tests.busy make test`.

A file of its own: it is a command.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys


def burn() -> None:
    """Keep a core busy until it is ended."""
    while True:
        pass


def main() -> int:
    """The exit code of the command."""
    burning = [multiprocessing.Process(target=burn, daemon=True) for _ in range(2)]
    for process in burning:
        process.start()
    try:
        return subprocess.run(sys.argv[1:], check=False).returncode
    finally:
        for process in burning:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
