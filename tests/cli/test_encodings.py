"""Every output can be written, whatever it holds and whatever the encoding of the standard output."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import inngest
from inngest.cli.errors import Exit

from .processes import INNGEST, PATIENCE, environment
from .processes import inngest as inngest_command

TEXT = "half \ud800, é, 💶 and \0"


@pytest.fixture(scope="module")
def run_id(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    folder = tmp_path_factory.mktemp("texts")
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="said"), retries=0)
    def f(ctx: inngest.ContextSync) -> object:
        return ctx.step.run("kept", lambda: {TEXT: TEXT})

    @client.create_function(fn_id="g", trigger=inngest.TriggerEvent(event="never"), retries=0)
    def g(ctx: inngest.ContextSync) -> object:
        raise ValueError(TEXT)

    with inngest.Engine(client, database=f"sqlite:///{folder}/inngest.db") as engine:
        engine.invoke_sync(f)
        with pytest.raises(inngest.errors.RunFailedError) as failed:
            engine.invoke_sync(g)
        (run,) = engine.runs_sync(function=f)
    return folder, run.id, failed.value.run_id


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("as_json", [False, True], ids=["for people", "JSON"])
def test_commands_print_any_text(run_id: tuple[Path, str, str], encoding: str, as_json: bool) -> None:
    folder, completed, failed = run_id
    for asked in (["run", completed], ["run", failed], ["runs"]):
        arguments = [*asked, "--database", str(folder / "inngest.db"), *(["--json"] if as_json else [])]
        ran = _inngest(*arguments, cwd=folder, encoding=encoding)
        assert ran.returncode == 0, ran.stderr
        text = ran.stdout.decode(encoding)
        if not as_json:
            assert "\\ud800" in text or asked == ["runs"]
        elif asked[1:] == [completed]:
            assert json.loads(text)["output"] == {TEXT: TEXT}
        elif asked[1:] == [failed]:
            assert json.loads(text)["error"]["message"] == TEXT


def test_arguments_that_are_no_text_are_mistakes(run_id: tuple[Path, str, str]) -> None:
    folder, _, _ = run_id
    database = ["--database", str(folder / "inngest.db")]
    mistakes: list[tuple[list[str | bytes], Exit]] = [
        (["run", b"a\xffb", *database], Exit.USAGE),
        (["runs", "--function", b"a\xffb", *database], Exit.UNREACHABLE),
        (["send", b"a\xffb", "{}"], Exit.USAGE),
    ]
    for arguments, code in mistakes:
        ran = _inngest(*arguments, cwd=folder, encoding="utf-8")
        assert b"Traceback" not in ran.stderr
        assert ran.returncode == code, ran.stderr


def _inngest(*arguments: str | bytes, cwd: Path, encoding: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [INNGEST, *arguments],
        cwd=cwd,
        env=environment(PYTHONIOENCODING=encoding),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


STEERING = "\x1b[2J\x1b]0;owned\x07 \x9b31m \r\b \u202eedoc"


def test_no_text_of_a_user_steers_the_terminal(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="said"), retries=0)
    def f(ctx: inngest.ContextSync) -> object:
        ctx.step.run(STEERING, lambda: STEERING)
        raise ValueError(STEERING)

    with (
        inngest.Engine(client, database=tmp_path / "inngest.db") as engine,
        pytest.raises(inngest.errors.RunFailedError) as failed,
    ):
        engine.invoke_sync(f, data={"text": STEERING})
    option = ("--database", str(tmp_path / "inngest.db"))
    for arguments in (("runs",), ("run", failed.value.run_id), ("run", failed.value.run_id, "--why")):
        ran = inngest_command(*arguments, *option, cwd=tmp_path)
        assert ran.returncode == 0
        assert "␛[2J␛]0;owned" in ran.stdout
        assert not {char for char in ran.stdout if char in STEERING and not char.isprintable()}
        as_json = inngest_command(*arguments, *option, "--json", cwd=tmp_path).stdout
        assert not {char for char in as_json if ord(char) < 0xA0 and char != "\n" and not char.isprintable()}
        assert json.dumps(STEERING) in json.dumps(json.loads(as_json)) or "--why" in arguments  # nothing is lost
