"""What a person sees in a terminal, and that their Ctrl-C is understood."""

from __future__ import annotations

import os
import pty
import re
import select
import warnings
from pathlib import Path

import pytest

from .conftest import Shop
from .processes import INNGEST, PATIENCE, environment, inngest

APP = """
import inngest

client = inngest.Inngest(app_id="shop")
TRIES = iter(range(9))


def mail() -> str:
    print("a word from the user's code")
    if next(TRIES) < 2:
        raise ConnectionError("smtp is [red]down[/red]")
    return "sent"


@client.create_function(fn_id="fulfil", trigger=inngest.TriggerEvent(event="shop/order.placed"))
async def fulfil(ctx: inngest.Context) -> str:
    ctx.logger.info("mailing")
    await ctx.step.run("mail", mail)
    await ctx.step.sleep("rest", 10)
    return "done"
"""


class Terminal:
    """A command in a terminal of 100 columns, unless the environment says otherwise."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child of a process with threads: it only execs
            self.pid, self._end = pty.fork()
        if self.pid == 0:  # pragma: no cover - the child
            os.chdir(folder)
            whole = environment(**{"TERM": "xterm-256color", "COLUMNS": "100", **env})
            del whole["NO_COLOR"]
            os.execve(INNGEST, [INNGEST, *arguments], whole)
        self._seen = ""

    def until(self, text: str) -> str:
        """What is shown, colours left out, up to a text."""
        while text not in self.plain:
            assert select.select([self._end], [], [], PATIENCE)[0], f"{text!r} was not shown:\n{self.plain}"
            self._seen += os.read(self._end, 65_536).decode()
        return self.plain

    def rest(self) -> str:
        """What is shown until its end."""
        while select.select([self._end], [], [], PATIENCE)[0]:
            try:
                more = os.read(self._end, 65_536)
            except OSError:  # Linux says so at the end
                break
            if not more:
                break
            self._seen += more.decode()
        return self.plain

    def type(self, text: str) -> None:
        """Type; "\\x03" is Ctrl-C."""
        os.write(self._end, text.encode())

    def exit_code(self) -> int:
        """Wait for its end."""
        self.rest()
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def plain(self) -> str:
        """Without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._seen).replace("\r\n", "\n")

    @property
    def has_colours(self) -> bool:
        """Whether there are any."""
        return "\x1b[" in self._seen


def dev(folder: Path, code: str, *options: str) -> tuple[Terminal, str]:
    """`inngest dev` of this code in a terminal; and its address, as it says it."""
    (folder / "app.py").write_text(code)
    terminal = Terminal(folder, "dev", "app.py", "--port", "0", *options)
    ready = re.search(r"ready  (http://127.0.0.1:\d+)  .inngest/inngest.db\n", terminal.until("Ctrl-C stops this\n"))
    assert ready is not None
    return terminal, ready[1]


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
def test_dev_shows_what_happens_and_ctrl_c_ends_it(tmp_path: Path, mode: str) -> None:
    terminal, url = dev(tmp_path, APP, "--retry-interval", "0", mode)
    inngest("send", "shop/order.placed", "--url", url, "--wait", cwd=tmp_path)
    terminal.until('"done"')
    terminal.type("\x03")
    assert terminal.exit_code() == 0
    assert terminal.has_colours
    time, run = r"\d\d:\d\d:\d\d\.\d{3}  ", r"shop-fulfil [0-9A-Z]{4}  "
    expected = [
        rf"{time}load  app.py",
        rf"{time}ready  http://127.0.0.1:\d+  .inngest/inngest.db",
        r" {14}shop-fulfil  shop/order.placed",
        r" {14}in another terminal: inngest send shop/order.placed '{}' --wait --url .*; Ctrl-C stops this",
        rf"{time}event  shop/order.placed  [0-9A-Z]{{26}}  → shop-fulfil",
        rf"{time}{run}began  [0-9A-Z]{{26}}",
        rf"{time}info   inngest: mailing",
        r"a word from the user's code",
        rf"{time}{run}✗ mail  attempt 1 of 5 failed: ConnectionError: smtp is \[red\]down\[/red\]; again at once",
        r" {14}Traceback \(most recent call last\):",
        r' {14}  File ".*/app.py", line 11, in mail',
        r' {14}    raise ConnectionError\("smtp is \[red\]down\[/red\]"\)',
        r" {14}ConnectionError: smtp is \[red\]down\[/red\]",
        r"a word from the user's code",
        rf"{time}{run}✗ mail  attempt 2 of 5 failed: ConnectionError: smtp is \[red\]down\[/red\]; again at once",
        r" {14}\(the same traceback as before\)",
        r"a word from the user's code",
        rf'{time}{run}✓ mail at attempt 3  \d+ ms  "sent"',
        rf"{time}{run}… rest  sleeps until \d\d:\d\d:\d\d",
        rf"{time}{run}✓ rest  \d+ ms",
        rf'{time}{run}completed after [\d.]+ m?s  "done"',
        rf"(\^C)?{time}stopping",
        rf"{time}stopped; runs that had not ended go on when an engine starts again",
    ]
    shown = [line for line in terminal.plain.splitlines() if line]
    for pattern, line in zip(expected, shown, strict=True):
        assert re.fullmatch(pattern, line), f"{pattern}\n{line}\n\n{terminal.plain}"


BODY = """
import inngest

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="fulfil", retries=2, trigger=inngest.TriggerEvent(event="shop/order.placed"))
async def fulfil(ctx: inngest.Context) -> None:
    raise ValueError("no receipt")
"""


def test_dev_counts_the_last_attempt_of_a_body_like_those_before(tmp_path: Path) -> None:
    terminal, url = dev(tmp_path, BODY, "--retry-interval", "0", "--no-reload")
    inngest("send", "shop/order.placed", "--url", url, "--wait", cwd=tmp_path)
    terminal.until("attempt 3 of 3")
    terminal.type("\x03")
    assert terminal.exit_code() == 0
    for number in (1, 2):
        assert f"the function's body  attempt {number} of 3 failed: ValueError: no receipt; again" in terminal.plain
    assert re.search(r"failed at attempt 3 of 3 after [\d.]+ m?s  ValueError: no receipt\n", terminal.plain)


MISTAKES = """
import inngest

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="fulfil", trigger=inngest.TriggerEvent(event="shop/order.placed"))
async def fulfil(ctx: inngest.Context) -> None:
    ctx.logger.warning("the shelf is empty")
    await ctx.step.run("parcel", object)
"""


def test_dev_points_out_what_was_meant_and_says_nothing_twice(tmp_path: Path) -> None:
    terminal, url = dev(tmp_path, MISTAKES, "--no-reload")
    for name in ("mail/received", "shop/oder.placed", "shop/order.placed"):
        inngest("send", name, "--url", url, cwd=tmp_path)
    terminal.until("failed after")
    terminal.type("\x03")
    assert terminal.exit_code() == 0
    assert re.search(r"mail/received  [0-9A-Z]{26}  starts no run\n", terminal.plain)
    assert re.search(
        r"shop/oder\.placed\s+[0-9A-Z]{26}\s+starts no run; did you mean\s+shop/order\.placed\?", terminal.plain
    )
    assert re.search(r"\d  warning  inngest: the shelf is empty\n", terminal.plain)
    # Once for the step and once for the run; no traceback, since none of its lines would be the user's.
    assert len(re.findall(r"OutputUnserializableError: ", terminal.plain)) == 2


def test_runs_are_cut_to_the_width_of_the_terminal(shop: Shop) -> None:
    terminal = Terminal(shop.path.parent, "runs", "--database", str(shop.path))
    assert terminal.exit_code() == 0
    lines = terminal.plain.splitlines()
    assert lines[0].split() == ["STATUS", "RUN", "FUNCTION", "CREATED", "TOOK", "RESULT"]
    assert max(map(len, lines)) <= 100
    assert len(lines) == 5


def test_80_columns_show_how_runs_ended(shop: Shop) -> None:
    terminal = Terminal(shop.path.parent, "runs", "--database", str(shop.path), COLUMNS="80")
    assert terminal.exit_code() == 0
    lines = terminal.plain.splitlines()
    assert max(map(len, lines)) <= 80
    (failed,) = (line for line in lines if line.startswith("FAILED"))
    assert shop.failed[-8:] in failed
    assert "ValueError: no" in failed


def test_an_error_in_a_terminal(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "send", "shop/order.placed", "--url", "http://127.0.0.1:1")
    assert terminal.exit_code() == 3
    assert "error: no server answers at http://127.0.0.1:1 (" in terminal.plain
    assert "start one with `inngest dev app.py`, or name another with --url" in terminal.plain


def test_ctrl_c_while_it_waits(tmp_path: Path) -> None:
    server, url = dev(tmp_path, APP.replace('"rest", 10', '"rest", 86_400_000'), "--no-reload", "--retry-interval", "0")
    waiting = Terminal(tmp_path, "send", "shop/order.placed", "--url", url, "--wait")
    waiting.until("waiting for shop-fulfil")
    waiting.type("\x03")
    assert waiting.exit_code() == 130
    assert "Traceback" not in waiting.plain
    server.type("\x03")
    assert server.exit_code() == 0
