"""The reference is complete, and what the how-to pages show is code that runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import inngest
from inngest.protocol.errors import ErrorCode
from inngest.sdk import environment
from inngest.sdk.context import Context
from inngest.sdk.serving import settings
from inngest.sdk.serving.settings import StreamingOptions
from tests.house.tree import ROOT

REFERENCE = ROOT / "docs/reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def parameters(function: object) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]  # type: ignore[arg-type]  # pyright: ignore


def test_every_argument_of_a_client_is_documented() -> None:
    missing = [name for name in parameters(inngest.Inngest.__init__) if f"| `{name}` |" not in page("client.md")]
    assert missing == []


def test_every_argument_of_an_engine_is_documented() -> None:
    missing = [name for name in parameters(inngest.Engine.__init__) if f"| `{name}` |" not in page("engine.md")]
    assert missing == []


def test_every_method_of_an_engine_is_documented() -> None:
    twins = [name.removesuffix("_sync") for name in vars(inngest.Engine) if name.endswith("_sync")]
    assert [name for name in twins if f"| `{name}(" not in page("engine.md")] == []
    assert "invoke" in twins


def test_every_variable_of_the_environment_is_documented() -> None:
    source = Path(environment.__file__).read_text(encoding="utf-8")
    variables = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', source))
    assert len(variables) >= 11
    assert [name for name in sorted(variables) if f"`{name}`" not in page("client.md")] == []


def test_every_setting_of_serving_is_documented() -> None:
    text = page("serving.md")
    assert [name for name in StreamingOptions.__annotations__ if f"| `{name}` |" not in text] == []
    variables = set(re.findall(r'"(INNGEST_[A-Z_]+)"', Path(settings.__file__).read_text(encoding="utf-8")))
    assert len(variables) == 5
    assert [name for name in variables if f"`{name}`" not in text] == []
    assert [name for name in inngest.Checkpointing.model_fields if f"| `{name}` |" not in text] == []


def test_every_argument_of_create_function_is_documented() -> None:
    missing = [n for n in parameters(inngest.Inngest.create_function) if f"| `{n}` |" not in page("functions.md")]
    assert missing == []


MODELS = [inngest.Batch, inngest.Cancel, inngest.Concurrency, inngest.Debounce, inngest.Priority, inngest.RateLimit]
MODELS += [inngest.Singleton, inngest.Throttle, inngest.Timeouts, inngest.TriggerEvent, inngest.TriggerCron]
MODELS += [inngest.Checkpointing]


@pytest.mark.parametrize("model", MODELS, ids=[model.__name__ for model in MODELS])
def test_every_field_of_the_configuration_is_documented(model: type[inngest.Batch]) -> None:
    assert f"`{model.__name__}({', '.join(model.model_fields)})`" in page("functions.md")


def test_every_field_of_the_context_is_documented() -> None:
    public = {*Context.__dataclass_fields__, "attempt", "defer", "patched"} - {"attempts", "caller"}
    assert [name for name in sorted(public) if f"`{name}`" not in page("functions.md")] == []


def test_every_option_of_a_step_is_documented() -> None:
    options = parameters(inngest.Step.options)
    assert [name for name in options if f"| `{name}` |" not in page("step-options.md")] == []
    told = {name for name in vars(inngest.CurrentStep) if not name.startswith("_")} - {
        "abandon",
        "ask_to_stop",
        "begin",
        "end",
        "overdue",
        "timed_out",
        "timeout_error",
        "when_ended",
    }
    assert [name for name in sorted(told) if f"`{name}" not in page("step-options.md")] == []
    assert [one.value for one in inngest.StepState if f"`{one.value}`" not in page("step-options.md")] == []


def test_every_hook_of_middleware_is_documented() -> None:
    hooks = [name for name in vars(inngest.Middleware) if not name.startswith("_")]
    assert len(hooks) == 7
    assert [name for name in hooks if f"| `{name}(" not in page("middleware.md")] == []


def test_the_codes_of_mistakes_are_those_of_the_wire() -> None:
    told = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page("errors.md"), re.MULTILINE)
    assert len(told) == 15
    for name, code in told:
        assert getattr(inngest.errors, name).code == ErrorCode(code)


@pytest.mark.parametrize("name", ["explanation/replay.md", "howto/keep-types.md", "howto/script.md"])
def test_the_code_of_a_page_runs(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), namespace)
