"""The page of `step.run`, pasted as it stands, under `inngest dev`; and its twin for plain functions."""

from __future__ import annotations

from pathlib import Path

from .processes import DevServer

DEFINITIONS = """
import functools
import inngest

inngest_client = inngest.Inngest(app_id="page")
"""

PAGE = """
@inngest_client.create_function(
    fn_id="my_function",
    trigger=inngest.TriggerEvent(event="app/my_function"),
)
async def fn(ctx: inngest.Context) -> None:
    # Pass a function to step.run
    await ctx.step.run("my_fn", my_fn)

    # Args are passed after the function
    await ctx.step.run("my_fn_with_args", my_fn_with_args, 1, "a")

    # Kwargs require functools.partial
    await ctx.step.run(
        "my_fn_with_args_and_kwargs",
        functools.partial(my_fn_with_args_and_kwargs, 1, b="a"),
    )

    # Defining functions like this gives you easy access to scoped variables
    def use_scoped_variable() -> None:
        print(ctx.event.data["user_id"])

    await ctx.step.run("use_scoped_variable", use_scoped_variable)

async def my_fn() -> None:
    pass

async def my_fn_with_args(a: int, b: str) -> None:
    pass

async def my_fn_with_args_and_kwargs(a: int, *, b: str) -> None:
    pass
"""

STEPS = ["my_fn", "my_fn_with_args", "my_fn_with_args_and_kwargs", "use_scoped_variable"]


def sync_twin(page: str) -> str:
    """The page for plain functions: no async, no await."""
    return page.replace("async def", "def").replace("await ", "").replace("inngest.Context", "inngest.ContextSync")


def run_the_page(folder: Path, code: str) -> None:
    (folder / "app.py").write_text(code)
    with DevServer(folder, "app.py") as server:
        assert server.serving()["functions"] == [{"id": "page-my_function", "triggers": ["app/my_function"]}]
        server.send("app/my_function", {"user_id": "user-1234"})
        steps = [server.expect("step.completed") for _ in STEPS]
        assert [(step["step"], step["attempt"], step["output"]) for step in steps] == [
            (name, 0, None) for name in STEPS
        ]
        assert server.expect("run.completed", function_id="page-my_function")["output"] is None
        assert server.errors.split() == ["user-1234"]  # the page prints it, once
        assert server.stop() == 0


def test_the_page(tmp_path: Path) -> None:
    run_the_page(tmp_path, DEFINITIONS + PAGE)


def test_its_twin_for_plain_functions(tmp_path: Path) -> None:
    twin = sync_twin(PAGE)
    assert "async" not in twin
    assert "await" not in twin
    run_the_page(tmp_path, DEFINITIONS + twin)
