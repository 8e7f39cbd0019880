"""An app whose second step says that it has begun, and waits until the test lets it go on: signals, not time."""

from __future__ import annotations

import os
from pathlib import Path

APP = """
import asyncio
import pathlib
import inngest

asyncio.run(asyncio.sleep(0))  # code may use a loop of its own while it is imported
client = inngest.Inngest(app_id="shop")
VERSION = "v1"


def note(text: str) -> None:
    with pathlib.Path("ledger.txt").open("a") as ledger:
        ledger.write(text + "\\n")


def quick(name: str) -> str:
    note(name)
    return name


def gated(name: str) -> str:
    note(name)
    with open("began", "w") as began:
        began.write(name)
    with open("gate") as gate:
        return name + gate.read()


@client.create_function(fn_id="three", trigger=inngest.TriggerEvent(event="t/go"))
def three(ctx: inngest.ContextSync) -> list[str]:
    one = ctx.step.run("one", quick, "one")
    two = ctx.step.run("two", gated, "two")
    return [one, two, ctx.step.run("three", quick, "three"), VERSION]
"""


class Gate:
    """The test's end of the two pipes, and what the steps wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = folder / "app.py"
        self.app.write_text(APP)
        for name in ("began", "gate"):
            os.mkfifo(folder / name)

    def until_begun(self) -> str:
        """Wait until the gated step runs."""
        return (self.folder / "began").read_text()

    def open(self, text: str = "!") -> None:
        """Let the gated step return."""
        (self.folder / "gate").write_text(text)

    def change(self, old: str, new: str, written: int | None = None) -> None:
        """Change the app's code, as an editor does: a new file takes the place of the old one.

        Args:
            old: text of the code.
            new: what takes its place.
            written: when it was written, unix ns; default now.
        """
        code = self.app.read_text()
        assert old in code
        new_file = self.folder / "app.py.tmp"
        new_file.write_text(code.replace(old, new))
        if written is not None:
            os.utime(new_file, ns=(written, written))
        new_file.replace(self.app)

    @property
    def ledger(self) -> list[str]:
        """The steps that ran, in order."""
        return (self.folder / "ledger.txt").read_text().split()
