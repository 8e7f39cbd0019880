"""The demo behind HTTP: a server calls the functions of an app, and both are killed in turn while orders go on."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx

from inngest.protocol.wire import signing

from . import ledger
from .commands import INNGEST, PATIENCE, DemoError, inngest, shown, until, until_begun, until_more_lines
from .compare_served import differences, made_again, table
from .telling import chapter, say, show_table

ROUNDS = ("server", "app", "server", "app")
"""Who is killed while orders go on, one after the other."""

ORDERS = 5
"""New orders of each round."""

LINES = 12
"""Lines that an app writes into the ledger until somebody is killed again."""


class ServedStory:
    """The demo, chapter by chapter.

    Args:
        folder: for all that it writes.
        log: takes what the processes print.
    """

    def __init__(self, folder: Path, log: IO[bytes]) -> None:
        self._ledger = folder / "ledger.jsonl"
        self._carrier = folder / "carrier-is-open"
        self._database = str(folder / "inngest.db")
        self._log = log
        self._signing, self._event = secrets.token_hex(32), secrets.token_hex(8)
        self._ports = _free_ports(2)
        self._url, self._app_url = (f"http://127.0.0.1:{port}" for port in self._ports)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._runs: dict[str, str] = {}  # their ids, by what they are about
        self._http = httpx.Client(headers={"authorization": f"Bearer {signing.hashed(self._signing)}"})

    def tell(self) -> list[str]:
        """All of it; what differed in the end."""
        try:
            self._story()
        finally:
            self._http.close()
            for process in self._processes.values():
                process.kill()
                process.wait()
        chapter(6, "What the steps wrote themselves, and what the server recorded")
        return self._compare()

    def _story(self) -> None:
        chapter(1, "A server starts, and an app that serves functions")
        self._start("server")
        self._start("app")
        until(lambda: self._api("/v1/apps/demo/functions") is not None, "the app did not register")
        say("The app has registered its functions with the server. Both have the signing key, and show it.")
        chapter(2, "Events are sent")
        self._send("page", "app/my_function", {"user_id": "user-4711"})
        self._until_completed("page")
        say("The function of the documentation's first page has run in the app: four steps, each recorded.")
        self._send("order-A", "shop/order.placed", {"order": "order-A"})
        until_begun(self._ledger, "order-A", "ship")
        say("order-A is charged; its e-mail went out at the third attempt; and `ship` waits for the carrier.")
        chapter(3, "kill -9 of the server, and then of the app, in the middle of a step")
        self._kill("server")
        say("`ship` of order-A goes on in the app, but its call is gone: nobody will hear how it ends. Recorded is:\n ")
        self._show("runs", "--database", self._database)
        self._start("server")
        until_begun(self._ledger, "order-A", "ship", times=2)
        say("The new server does not know that `ship` goes on, and calls the app again: it runs twice, at a time.")
        self._kill("app")
        say("Now neither of them will end. The carrier opens, and the app starts again.")
        self._carrier.touch()
        self._start("app")
        self._until_completed("order-A")
        say("order-A went on where it was, without a word from us.")
        chapter(4, "Orders go on, while the server and the app are killed in turn")
        for number, who in enumerate(ROUNDS):
            self._place_orders(number)
            until_more_lines(self._ledger, LINES)
            self._kill(who)
            self._start(who)
        chapter(5, "All orders come to their end")
        for about in self._runs:
            self._until_completed(about)
        say(f"{len(self._runs) - 1} orders are shipped, and nobody had to look after one.")
        for who in ("server", "app"):
            process = self._processes[who]
            process.terminate()
            process.wait(PATIENCE)

    # -- processes

    def _start(self, who: str) -> None:
        command = self._server() if who == "server" else self._app()
        say(f"$ {shlex.join(command)}")
        told = {
            "INNGEST_SIGNING_KEY": self._signing,
            "INNGEST_EVENT_KEY": self._event,
            "DEMO_LEDGER": str(self._ledger),
            "DEMO_CARRIER": str(self._carrier),
        }
        if who == "app":
            told["INNGEST_BASE_URL"] = self._url
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INNGEST_")}
        program = str(Path(INNGEST).with_name(command[0]))
        self._processes[who] = process = subprocess.Popen(
            [program, *command[1:]],
            env={**kept, **told},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        url = f"{self._url}/ready" if who == "server" else f"{self._app_url}/docs"
        until(lambda: self._answers(process, url), f"the {who} does not answer at {url}")
        if any(kill.until == float("inf") for kill in ledger.kills(self._ledger)):
            ledger.note(self._ledger, "again")
        say(f"the {who} is ready, process {process.pid}\n ")

    def _server(self) -> Sequence[str]:
        return (
            *("inngest", "start", "--port", str(self._ports[0]), "-u", f"{self._app_url}/api/inngest"),
            *("--database", self._database, "--retry-interval", "1s"),
        )

    def _app(self) -> Sequence[str]:
        return "uvicorn", "examples.demo.app:app", "--port", str(self._ports[1])

    def _answers(self, process: subprocess.Popen[bytes], url: str) -> bool:
        if process.poll() is not None:
            raise DemoError(f"process {process.pid} ended with {process.returncode}")
        try:
            return self._http.get(url).status_code == 200
        except httpx.TransportError:
            return False

    def _kill(self, who: str) -> None:
        """`kill -9`: no warning, no time to tidy up."""
        process = self._processes[who]
        process.kill()
        process.wait()
        ledger.note(self._ledger, "kill")
        say(f"$ kill -9 {process.pid}    # the {who}")

    # -- events and runs

    def _send(self, about: str, name: str, data: Mapping[str, object]) -> None:
        arguments = ("send", name, json.dumps(data), "--url", self._url)
        say(shown(arguments))
        sent = json.loads(inngest(*arguments, "--key", self._event, "--json"))
        self._note_run(about, sent["event_id"])

    def _place_orders(self, number: int) -> None:
        orders = [f"order-{number}{letter}" for letter in "abcdefgh"[:ORDERS]]
        events = [{"name": "shop/order.placed", "data": {"order": order}} for order in orders]
        say(f"$ curl {self._url}/e/$INNGEST_EVENT_KEY -d ...    # {', '.join(orders)}")
        answer = self._http.post(f"{self._url}/e/{self._event}", json=events)
        if answer.status_code != 200:
            raise DemoError(f"the server refused events: {answer.status_code} {answer.text}")
        for order, event_id in zip(orders, answer.json()["ids"], strict=True):
            self._note_run(order, event_id)

    def _note_run(self, about: str, event_id: str) -> None:
        (run,) = self._api(f"/v1/events/{event_id}/runs")
        self._runs[about] = run["run_id"]

    def _until_completed(self, about: str) -> None:
        def completed() -> bool:
            run = self._api(f"/v1/runs/{self._runs[about]}")
            if run["status"] in ("Failed", "Cancelled"):
                raise DemoError(f"the run of {about} is {run['status']}: {run['output']}")
            return bool(run["status"] == "Completed")

        until(completed, f"the run of {about} does not end")

    def _api(self, path: str) -> Any:
        """The data of an answer; None if there is none."""
        answer = self._http.get(f"{self._url}{path}", timeout=PATIENCE)
        found = answer.json() if answer.status_code == 200 else None
        return found["data"] if isinstance(found, dict) else found

    def _show(self, *arguments: str) -> None:
        say(shown(arguments))
        say(inngest(*arguments))

    # -- what came of it

    def _compare(self) -> list[str]:
        runs = {
            about: json.loads(inngest("run", run_id, "--database", self._database, "--json"))
            for about, run_id in self._runs.items()
        }
        tries, kills = ledger.read(self._ledger), ledger.kills(self._ledger)
        show_table([("", "step", "the ledger", "the server's attempts"), *table(tries, runs)])
        again = made_again(tries, runs)
        say(
            f"\n{len(kills)} times the server or the app was killed. {len(again)} tries were not recorded: their call "
            "was cut, and nobody heard\nhow they ended. They were made again. Over HTTP nothing can exclude that; a "
            "recorded step is not among them.\n "
        )
        for line in again:
            say(line)
        return differences(tries, kills, runs)


def _free_ports(count: int) -> list[int]:
    """Ports that no process is given by chance while the server or the app is not there."""
    found: list[int] = []
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    print("no port is free", file=sys.stderr)
    raise DemoError("no port is free")
