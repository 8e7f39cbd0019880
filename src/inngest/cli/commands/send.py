"""`inngest send`: an event over HTTP, and what became of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import httpx
import typer
from rich.text import Text

from inngest.cli import arguments, output
from inngest.cli.errors import CommandError, Exit, unreached
from inngest.sdk import environment, event_sender
from inngest.sdk.environment import at
from inngest.sdk.errors import EventInvalidError, URLInvalidError
from inngest.sdk.events import Event, to_sent
from inngest.sdk.work import drive_sync
from inngest.server import suggestions

UNAUTHORIZED = 401
REQUEST_TIMEOUT = 30.0
LOOKING_TIMEOUT = 5.0
"""Seconds to learn what an event started, when nobody waits for it."""
LOOK = 0.1
"""Seconds between looks at runs that are waited for; it grows up to LONGEST_LOOK."""
LONGEST_LOOK = 1.0
PATIENCE = 30.0
"""Seconds without an answer after which a server is given up that had answered before: it may be restarting."""

WOKEN = ("function_id", "run_id", "step", "cancelled")
"""Of what an event does to a run that looked for it."""

SHOWN = 10
"""Such runs that are named."""

KEPT = ("function_id", "rule", "text", "run_id", "due_at")
"""Of what keeps an event back."""

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "SKIPPED")


def send_event(
    name: str,
    data: str | None,
    *,
    event_id: str | None,
    url: str | None,
    key: str | None,
    wait: bool,
    timeout: str | None,
    as_json: bool,
) -> None:
    """Send one event; with `wait`, print what its runs gave."""
    if timeout is not None and not wait:
        raise CommandError("--timeout is how long --wait waits: give both")
    if event_id == "":  # such as "$ORDER" that is not set: without an id, a second event starts a second run
        raise CommandError(
            "--id: expected a text that is not empty, got ''", hint="leave it out for an event without one"
        )
    limit = arguments.seconds("--timeout", timeout)
    target = _target(url, key)
    sent_id = _post(target, name, arguments.event_data(data), event_id or "", silent=as_json)
    console = output.console()
    watch = Watch(target, sent_id, limit)
    if not wait:
        woken = watch.told("woken", WOKEN)
        started, warning = watch.began(name, woken=bool(woken))
        if as_json:
            known = {"event_id": sent_id, "name": name, "started": started, "woken": woken, "warning": warning}
            output.print_json(known)
            return
        console.print(Text.assemble("sent ", (name, "bold"), f"  {sent_id}"))
        _show_woken(woken)
        output.warning(warning)
        return
    with _left(sent_id, as_json):
        if not as_json:
            console.print(Text.assemble("sent ", (name, "bold"), f"  {sent_id}"))
        kept, woken = watch.told("kept", KEPT), watch.told("woken", WOKEN)
        if not as_json:
            _show_woken(woken)
            _show_kept(kept)
        runs = watch.wait(silent=as_json)
    told = {"event_id": sent_id, "name": name, "runs": runs, "woken": woken, "kept_back": kept}
    if not runs and not woken:
        why = "it was kept back" if kept else suggestions.unheard(name, watch.triggers() or ())
        text = f"the event started no run: {why}"
        raise CommandError(text, hint="it is stored", code=Exit.FAILED, details=told)
    if as_json:
        output.print_json(told)
    _judge(runs, as_json)


@contextlib.contextmanager
def _left(sent_id: str, as_json: bool) -> Generator[None]:
    """Say what goes on when the user waits no longer."""
    try:
        yield
    except KeyboardInterrupt:
        if not as_json:
            text = f"the runs go on; `inngest runs --event {sent_id}` shows where they are"
            output.console(sys.stderr).print(text, style="dim")
        raise


def _show_woken(woken: Sequence[Mapping[str, object]]) -> None:
    console = output.console()
    for one in woken[:SHOWN]:
        what = "cancelled" if one["cancelled"] else "woke"
        step = "" if one["step"] is None else f"  {one['step']}"
        console.print(Text.assemble((f"{what:<9}  ", "cyan"), f"{one['function_id']}  {one['run_id']}{step}"))
    if len(woken) > SHOWN:
        console.print(f"and {len(woken) - SHOWN:,} more", style="dim")


def _show_kept(kept: Sequence[Mapping[str, object]]) -> None:
    console = output.console(sys.stderr)
    for one in kept:
        until = "" if one["due_at"] is None else f", until {output.local(str(one['due_at']))}"
        console.print(
            Text.assemble(
                ("kept back  ", "yellow"), f"{one['function_id']}  {output.in_local_time(str(one['text']))}{until}"
            )
        )


def _said(kept: Sequence[Mapping[str, object]]) -> str | None:
    """Why none begins, as one sentence."""
    reasons = "; ".join(f"{one['function_id']}: {one['text']}" for one in kept)
    return f"it starts no run now: {reasons}" if reasons else None


# -- sending


def _target(url: str | None, key: str | None) -> event_sender.Target:
    try:
        settings = environment.resolve(
            is_production=False, api_base_url=None, event_api_base_url=url, env=None, event_key=key, signing_key=None
        )
    except (URLInvalidError, httpx.InvalidURL, ValueError) as error:
        why = str(error).partition(": expected")[0]
        raise CommandError(f"--url: expected the address of a server, such as http://127.0.0.1:8288: {why}") from None
    return event_sender.Target(settings.event_api_origin, settings.event_key, settings.env, is_production=False)


def _post(target: event_sender.Target, name: str, data: Mapping[str, object], event_id: str, *, silent: bool) -> str:
    try:
        sent = to_sent([Event(name=name, data=data, id=event_id)])
    except EventInvalidError as error:
        raise CommandError(f"the event cannot be sent: {error.message.partition(': ')[2]}") from None
    with output.Progress(silent=silent) as progress:
        transport = _Transport(target.origin, progress)
        progress.show(f"sending {name} to {target.origin}")
        result = drive_sync(event_sender.send_events(target, sent, transport))
    if result.error is None:
        return result.ids[0]
    if not transport.status:
        raise _unreachable(target.origin, transport.reason)
    hint = "set INNGEST_EVENT_KEY, or name the event key with --key" if transport.status == UNAUTHORIZED else ""
    raise CommandError(f"{target.origin} refused the event: {result.error}", hint=hint, code=Exit.FAILED)


class _Transport(event_sender.SyncTransport):
    """Knows whether anybody answered, and says so before it tries again."""

    def __init__(self, origin: str, progress: output.Progress) -> None:
        super().__init__(REQUEST_TIMEOUT)
        self.status = 0  # of the last answer; 0: nobody has answered
        self.reason = ""
        self._origin = origin
        self._progress = progress

    def post(self, url: str, headers: dict[str, str], body: bytes) -> event_sender.Response:
        """Make the request."""
        try:
            response = super().post(url, headers, body)
        except ConnectionError as error:
            self.reason = str(error)
            raise
        self.status = response.status
        return response

    def sleep(self, seconds: float) -> object:
        """Wait until the next try."""
        if not self.status:
            self._progress.say(f"no server answers at {self._origin} ({self.reason}); trying again")
        return super().sleep(seconds)


def _unreachable(origin: str, reason: str) -> CommandError:
    return CommandError(
        f"no server answers at {origin} ({reason})",
        hint=unreached(reason),
        code=Exit.UNREACHABLE,
    )


# -- waiting


class Watch:
    """Waits until the runs of an event have ended.

    All of them are there once the event is accepted: they are stored together (P1).
    """

    def __init__(self, target: event_sender.Target, event_id: str, limit: float | None) -> None:
        self._url = at(target.origin, f"v1/events/{event_id}/runs")
        self._details = {"event_id": event_id}
        self._origin = target.origin
        self._began = time.monotonic()
        self._limit = limit
        self._runs: list[dict[str, object]] = []

    def began(self, name: str, *, woken: bool) -> tuple[list[dict[str, object]] | None, str | None]:
        """The runs that the event started, and a warning if no function hears its name, and it has woken nobody.

        Both are None if the server does not tell: the event is accepted, and that is all that was asked for.
        """
        try:
            with httpx.Client(timeout=LOOKING_TIMEOUT) as client:
                runs = self._read(client)
        except (httpx.HTTPError, CommandError):
            return None, None
        started: list[dict[str, object]] = [{"id": run["id"], "function_id": run["function_id"]} for run in runs]
        triggers = None if started else self.triggers()
        if triggers is None:
            return started, None
        heard = suggestions.heard(name, triggers)
        kept = [] if woken and not heard else self.told("kept", KEPT)
        if heard or woken or kept:
            return started, _said(kept)
        return started, f"it starts no run: {suggestions.unheard(name, triggers)}"

    def triggers(self) -> list[str] | None:
        """The names of events that the server's functions hear; None if it does not tell."""
        try:
            with httpx.Client(timeout=LOOKING_TIMEOUT) as client:
                return [str(one) for one in client.get(at(self._origin, "v1/triggers")).json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def told(self, what: str, keys: Sequence[str]) -> list[dict[str, object]]:
        """The server's answers about the event: what keeps it back, whom it woke; nothing if it does not tell."""
        try:
            with httpx.Client(timeout=LOOKING_TIMEOUT) as client:
                found = client.get(self._url.removesuffix("runs") + what).json()["data"]
                return [{key: one.get(key) for key in keys} for one in found]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def wait(self, *, silent: bool) -> list[dict[str, object]]:
        """The runs, all ended; unless it is to be `silent`, it says that it waits for a server.

        Raises:
            CommandError: not in time, or the server is gone for good.
        """
        pause = LOOK
        heard = time.monotonic()
        with output.Progress(silent=silent) as progress, httpx.Client(timeout=REQUEST_TIMEOUT) as client:
            progress.show(self._state())
            while True:
                try:
                    self._runs = self._read(client)
                except httpx.TransportError as error:
                    if time.monotonic() - heard > PATIENCE:
                        raise self._gone(error) from None
                    progress.say(
                        f"the server at {self._origin} does not answer now; looking again for {PATIENCE:.0f} s"
                    )
                else:
                    heard = time.monotonic()
                    progress.show(self._state())
                    if all(run["status"] in FINAL for run in self._runs):
                        return self._runs
                self._check_limit(pause)
                time.sleep(pause)
                pause = min(pause * 1.2, LONGEST_LOOK)

    def _read(self, client: httpx.Client) -> list[dict[str, object]]:
        response = client.get(self._url)
        if response.status_code >= 500:
            raise httpx.TransportError(f"it answered {response.status_code}")
        try:
            return [_run_shape(run) for run in response.json()["data"]]
        except (ValueError, KeyError, TypeError):
            raise CommandError(
                f"{self._origin} has accepted the event, but does not show its runs (HTTP {response.status_code})",
                hint="--wait needs `inngest dev`",
                code=Exit.UNREACHABLE,
                details=self._details,
            ) from None

    def _check_limit(self, pause: float) -> None:
        if self._limit is not None and time.monotonic() - self._began + pause > self._limit:
            waiting = [f"{run['function_id']} {run['id']}" for run in self._runs if run["status"] not in FINAL]
            raise CommandError(
                f"not done after {output.span(self._limit * 1_000)}: {', '.join(waiting)}",
                hint="the runs go on; `inngest run ID` shows where they are",
                code=Exit.TIMEOUT,
                details={**self._details, "runs": self._runs},
            )

    def _gone(self, error: httpx.TransportError) -> CommandError:
        return CommandError(
            f"the server at {self._origin} does not answer any more ({error})",
            hint="nothing is lost: the runs go on when it starts again, and `inngest runs` shows them",
            code=Exit.UNREACHABLE,
            details=self._details,
        )

    def _state(self) -> str:
        waiting = [str(run["function_id"]) for run in self._runs if run["status"] not in FINAL]
        return f"waiting for {', '.join(waiting[:3]) or 'its runs'}{' …' if len(waiting) > 3 else ''}"


def _run_shape(wire: Mapping[str, Any]) -> dict[str, object]:
    """A run as `--json` shows it, from the server's."""
    status = {"Scheduled": "QUEUED"}.get(wire["status"], str(wire["status"]).upper())
    failed = status in ("FAILED", "CANCELLED", "SKIPPED") and isinstance(wire["output"], dict)
    error = {key: wire["output"].get(key) for key in ("name", "message", "stack", "code")} if failed else None
    return {
        "id": wire["run_id"],
        "function_id": wire.get("function_slug", wire["function_id"]),
        "status": status,
        "event_id": wire["event_id"],
        "started_at": wire["run_started_at"],
        "ended_at": wire["ended_at"],
        "output": None if failed else wire["output"],
        "error": error,
    }


def _judge(runs: Sequence[Mapping[str, object]], as_json: bool) -> None:
    """Show results; a run that did not complete makes the command fail."""
    if not as_json:
        console = output.console()
        for run in runs:
            console.print(_line(run))
    if any(run["status"] != "COMPLETED" for run in runs):
        raise typer.Exit(Exit.FAILED)


def _line(run: Mapping[str, object]) -> Text:
    head = f"{run['function_id']}  {run['id']}  "
    if run["status"] == "COMPLETED":
        return Text.assemble(("✓ ", "green"), head, output.short_json(run["output"], 2_000))
    error = run["error"]
    reason = f"{error['name']}: {error['message']}" if isinstance(error, dict) else str(run["status"]).lower()
    return Text.assemble(("✗ ", "red"), head, (reason, "red"), (f"\n  inngest run {run['id']}", "dim"))
