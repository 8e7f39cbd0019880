"""The demo: orders run through crashes, and two accounts of it are compared. Exits with 1 if they differ."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from . import ledger
from .commands import DemoError, Engine, inngest, shown, until_begun
from .compare import differences, table
from .fleet import FleetStory
from .served import ServedStory
from .telling import chapter, say, show_table

FOLDER = Path(".demo")
DATABASE = str(FOLDER / "inngest.db")
LEDGER = FOLDER / "ledger.jsonl"
CARRIER = FOLDER / "carrier-is-open"
LOG = FOLDER / "engine.log"
USER = "user-4711"
DEV = ("examples/demo/functions.py", "--no-reload", "--port", "0", "--database", DATABASE, "--retry-interval", "1s")


def main() -> int:
    """Tell the story, or the one of a server and an app (`--served`), or of a fleet (`--fleet`); the exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    database = DATABASE
    try:
        with LOG.open("ab") as log:
            if "--fleet" in sys.argv[1:]:
                database = os.environ["DEMO_DATABASE"]
                found = FleetStory(FOLDER, log, database).tell()
            else:
                found = (ServedStory(FOLDER, log) if "--served" in sys.argv[1:] else Story(log)).tell()
    except (DemoError, subprocess.TimeoutExpired, httpx.TransportError) as error:
        print(f"\nThe demo failed: {error}\nWhat is in {FOLDER}/ may say more.", file=sys.stderr)
        return 1
    for difference in found:
        print(f"  DIFFERS  {difference}")
    if found:
        return 1
    print("\nNothing was lost, and nothing that was recorded was done again.")
    if database == DATABASE:  # else it goes with its server
        print(f"Look around: .venv/bin/inngest runs --database {DATABASE}")
    return 0


class Story:
    """The demo, chapter by chapter.

    Args:
        log: takes what the engine's processes print.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._runs: dict[str, str] = {}  # their ids, by what they are about
        self._url = ""

    def tell(self) -> list[str]:
        """All of it; what differed in the end."""
        chapter(1, "An engine starts, in a process of its own")
        engine = self._start()
        try:
            chapter(2, "Events are sent")
            self._send(engine, "page", "app/my_function", {"user_id": USER})
            engine.until("the page's function completed", type="run.completed", run_id=self._runs["page"])
            say("The function of the documentation's first page has run: four steps, each recorded.")
            self._send(engine, "order-A", "shop/order.placed", {"order": "order-A"})
            until_begun(LEDGER, "order-A", "ship")
            say("order-A is charged; its e-mail went out at the third attempt; and `ship` waits for the carrier.")
            self._send(engine, "order-B", "shop/order.placed", {"order": "order-B"})
            engine.until("order-B's e-mail was refused", type="step.retrying", run_id=self._runs["order-B"])
            say("order-B is charged; the mail server has refused its e-mail once, and it is tried again in 1 s.")
            chapter(3, "kill -9, in the middle of a step")
            engine.kill()
            killed = engine.pid
            say(f"$ kill -9 {killed}")
            say("`ship` of order-A had begun, and will never end. The database says what was recorded until then:\n ")
            self._show("runs", "--database", DATABASE)
            chapter(4, "An engine starts again, and the carrier opens")
            CARRIER.touch()
            engine = self._start()
            for _ in ("order-A", "order-B"):
                engine.until("both orders completed", type="run.completed")
            say("Both orders went on where they were, without a word from us. And life goes on:\n ")
            self._show("send", "shop/order.placed", '{"order": "order-C"}', "--wait", "--url", self._url)
            self._note_run(engine, "order-C")
            if (code := engine.interrupt()) != 0:
                raise DemoError(f"the engine did not stop cleanly: exit code {code}")
        finally:
            engine.kill()
        chapter(5, "What the steps wrote themselves, and what the engine recorded")
        return self._compare(killed)

    # -- what is done

    def _start(self) -> Engine:
        say(shown(("dev", *DEV)))
        engine = Engine(DEV, {"DEMO_LEDGER": str(LEDGER), "DEMO_CARRIER": str(CARRIER)}, self._log)
        ready = engine.until("it is ready", type="serving")
        self._url = ready["url"]
        say(f"ready at {self._url}, process {engine.pid}\n ")
        return engine

    def _send(self, engine: Engine, about: str, name: str, data: Mapping[str, object]) -> None:
        arguments = ("send", name, json.dumps(data), "--url", self._url)
        say(shown(arguments))
        inngest(*arguments)
        self._note_run(engine, about)

    def _note_run(self, engine: Engine, about: str) -> None:
        """The id of the run that the event started, as the engine reports it."""
        self._runs[about] = engine.until(f"an event came for {about}", type="event")["runs"][0]["run_id"]

    def _show(self, *arguments: str) -> None:
        say(shown(arguments))
        say(inngest(*arguments))

    # -- what came of it

    def _compare(self, killed: int) -> list[str]:
        runs = {
            about: json.loads(inngest("run", run_id, "--database", DATABASE, "--json"))
            for about, run_id in self._runs.items()
        }
        tries = ledger.read(LEDGER)
        show_table([("", "step", "the ledger", "the engine's attempts"), *table(tries, runs)])
        found = differences(tries, runs, {killed})
        if ("order-A", "ship", None) not in [(one.order, one.step, one.end) for one in tries]:
            found.append("the kill was to cut off `ship` of order-A, and did not")
        printed = LOG.read_text(encoding="utf-8").split().count(USER)
        if printed != 1:
            found.append(f"the page's last step prints the user once; it printed {printed} times")
        return found


if __name__ == "__main__":
    sys.exit(main())
