"""The code of the pages runs as it is printed, in the order of the page, with what it takes for granted."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

import inngest
from inngest import Run, RunStatus
from tests.house.tree import ROOT

from .answering import answering

T = TypeVar("T")
DOCS = ROOT / "docs"
ELSEWHERE = {
    "index.md": "it has no bodies",
    "tutorial/index.md": "tests/cli/test_tutorial.py",
    "tutorial/testing.md": "tests/kit/test_page.py",
    "howto/test-apps.md": "tests/kit/test_app_pages.py",
    "howto/script.md": "tests/cli/test_tutorial.py",
    "howto/rerun.md": "tests/cli/test_rerun.py",
    "howto/keep-types.md": "tests/unit/test_documents.py",
    "explanation/replay.md": "tests/unit/test_documents.py",
    "howto/other-sdks.md": "tests/interop/test_page.py",
    "howto/from-hosted.md": "tests/interop/test_moving.py",
    "howto/postgresql.md": "tests/embedded/test_postgres.py",
    "howto/transactions.md": "tests/embedded/test_transactions_page.py",
    "reference/metrics.md": "tests/embedded/test_metrics.py",
    "reference/tracing.md": "tests/embedded/test_json_logs.py",
    "howto/trace.md": "tests/embedded/test_trace_page.py",
    **dict.fromkeys(
        [f"howto/{path.name}" for path in (DOCS / "howto").glob("serve*.md")], "tests/serving/test_pages.py"
    ),
}
"""Pages that are tried by other tests."""


def blocks(page: str) -> list[str]:
    """The Python of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [
        textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    ]


async def run(block: str, names: dict[str, Any]) -> None:
    """Run a block; one that awaits, too."""
    code = compile(block, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    coroutine = eval(code, names)
    if inspect.iscoroutine(coroutine):
        await coroutine


class Page:
    """A page, and an engine for it.

    Args:
        folder: for databases.
        page: its path below docs.
        names: what its code takes for granted.
    """

    def __init__(self, folder: Path, page: str, /, **names: Any) -> None:
        self.blocks = blocks(page)
        self.names: dict[str, Any] = {"__name__": "page", "inngest": inngest, **names}
        self._database = f"sqlite:///{folder}/page.db"

    async def define(self, *indexes: int) -> None:
        """Run blocks that define something."""
        for index in indexes:
            await run(self.blocks[index], self.names)

    @contextlib.asynccontextmanager
    async def engine(self, *functions: Any) -> AsyncGenerator[inngest.Engine]:
        """An engine with the page's functions, or these."""
        async with inngest.Engine(list(functions) or self.names["client"], database=self._database) as engine:
            yield engine

    async def in_a_function(
        self,
        index: int,
        data: Mapping[str, object] | None = None,
        *,
        beside: Callable[[], Coroutine[Any, Any, object]] | None = None,
    ) -> object:
        """Run a block in a function of its own, beside something else; what it leaves in `result`."""
        client = inngest.Inngest(app_id="page")

        async def body(ctx: inngest.Context) -> object:
            names = {**self.names, "ctx": ctx}
            await run(self.blocks[index], names)
            return names.get("result")

        function = client.create_function(fn_id="body", retries=0, trigger=inngest.TriggerEvent(event="page"))(body)
        others = [one for one in self.names.values() if isinstance(one, inngest.Function)]
        async with self.engine(function, *others) as engine:
            if beside is None:
                return await engine.invoke(function, data=data)
            both: tuple[object, object] = await asyncio.gather(engine.invoke(function, data=data), beside())
            return both[0]


async def again(ask: Callable[[], Awaitable[T]]) -> AsyncGenerator[T]:
    """What is answered, again and again."""
    while True:
        yield await ask()


async def started(engine: inngest.Engine, name: str, **data: object) -> Run:
    """The run that an event starts, when it has ended."""
    (event_id,) = await engine.send(inngest.Event(name=name, data=data))
    (found,) = await engine.runs(event_id=event_id)
    await engine.wait(found.id)
    return await engine.run(found.id)


def ready(value: object = None) -> Callable[..., Any]:
    """A handler that the page does not show."""

    async def handler(*_: object, **__: object) -> object:
        return value

    return handler


async def test_limits(tmp_path: Path) -> None:
    page = Page(tmp_path, "howto/concurrency.md")
    await page.define(0, 1, 2, 3)
    client, trigger = page.names["client"], inngest.TriggerEvent(event="shared")
    options = {"concurrency": page.names["LIMITS"], "throttle": page.names["SPREAD"], "priority": page.names["FIRST"]}
    for fn_id in ("one", "two"):
        client.create_function(fn_id=fn_id, trigger=trigger, **options)(ready())
    async with page.engine() as engine:
        assert (await started(engine, "customer/changed", customer=7)).status == "COMPLETED"
        (event_id,) = await engine.send(inngest.Event(name="shared", data={"customer": 7, "plan": "business"}))
        for found in await engine.runs(event_id=event_id):
            await engine.wait(found.id)


async def test_gates(tmp_path: Path) -> None:
    page = Page(tmp_path, "howto/flow-control.md")
    await page.define(0, 1)
    text = (DOCS / "howto/flow-control.md").read_text(encoding="utf-8")
    options = re.findall(r"^\| .* \| `(\w+=.*)` \|$", text, re.MULTILINE)
    assert len(options) == 7
    for number, option in enumerate(options):
        given = eval(f"dict({option})", {"inngest": inngest})
        page.names["client"].create_function(fn_id=f"f{number}", trigger=inngest.TriggerEvent(event="e"), **given)(
            ready()
        )
    async with page.engine() as engine:
        page.names["engine"] = engine
        await page.define(2)
        await engine.send([inngest.Event(name="page/clicked", data={"n": n}) for n in range(100)])
        (clicks,) = await engine.runs(function="search-store_clicks")
        await engine.wait(clicks.id)
        await engine.invoke(page.names["index_document"], data={"document": "a", "public": True})


async def test_a_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = Page(tmp_path, "howto/schedule.md")
    await page.define(0)
    async with page.engine() as engine:
        await engine.invoke(page.names["daily"], data={"scheduledAt": "2026-11-23T06:30:00Z"})
    assert capsys.readouterr().out == "the report of 2026-11-23T06:30:00Z\n"


async def test_waiting(tmp_path: Path) -> None:
    async def make_thumbnail(ctx: inngest.Context) -> str:
        return f"thumbnail of {ctx.event.data['image']}"

    page = Page(tmp_path, "howto/wait.md", datetime=datetime, order_id=42)
    await page.define(0)
    client = page.names["client"]
    trigger = inngest.TriggerEvent(event="unused")
    page.names["make_thumbnail"] = client.create_function(fn_id="thumbnail", trigger=trigger)(make_thumbnail)
    async with page.engine() as engine:
        (event_id,) = await engine.send(inngest.Event(name="order/placed", data={"order": 1}))
        (order,) = await engine.runs(event_id=event_id)
        async for found in again(lambda: engine.run(order.id)):
            if found.steps:
                break
        await engine.send(inngest.Event(name="order/paid", data={"order": 1}))
        assert await engine.wait(order.id) == "shipped"
    page.blocks[1] += "result = paid is not None and paid.name"
    assert await page.in_a_function(1) == "order/paid"
    page.blocks[2] += "result = thumbnail"
    assert await page.in_a_function(2) == "thumbnail of 7"

    async def send_until_it_waits() -> None:
        async for _ in again(lambda: page.define(4)):
            if page.names["woken"] is not None:
                break

    page.blocks[3] += "result = answer"
    assert await page.in_a_function(3, beside=send_until_it_waits) == {"by": "ann"}


async def test_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOICES_KEY", "1234")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1234")
    page = Page(tmp_path, "howto/requests.md")
    with answering({"content": [{"type": "text", "text": "short"}]}) as server:
        page.blocks[0] = page.blocks[0].replace("https://invoices.example/v1", f"{server.url}/v1")
        page.blocks[1] = page.blocks[1].replace('model="', f'base_url="{server.url}/v1", model="')
        await page.define(0, 1)
        async with page.engine() as engine:
            assert "short" in str((await started(engine, "order/placed", order=42)).output)
            assert (await started(engine, "text/written", text="long")).output == "short"
        invoice, summary = server.requests
        assert (invoice.method, invoice.path, invoice.json) == ("POST", "/v1", {"order": 42})
        assert invoice.headers["authorization"] == "Bearer 1234"
        assert summary.headers["x-api-key"] == "sk-ant-1234"


async def test_the_first_of_several(tmp_path: Path) -> None:
    names = {"order_id": "42", "reserve": ready(), "release": ready()}
    page = Page(tmp_path, "howto/first-of-several.md", **names)
    await page.define(0)
    async with page.engine() as engine:
        assert (await started(engine, "shop/order.placed", order_id=42)).output == "receipt for 42"
    page.blocks[1] += (
        'result = await ctx.group.race((reserve_and_wait, lambda: ctx.step.run("charge", charge, order_id)))\n'
    )
    assert await page.in_a_function(1) == [1, "receipt for 42"]


async def test_deferring(tmp_path: Path) -> None:
    removed: asyncio.Queue[str] = asyncio.Queue()
    client = inngest.Inngest(app_id="shop")

    async def charge(draft: str) -> str:
        if draft == "unpaid":
            raise inngest.NonRetriableError("no money")
        return "paid"

    drafts = iter(("first", "second", "unpaid"))
    names = {"remove": removed.put, "write_draft": lambda: next(drafts), "charge": charge}
    page = Page(tmp_path, "howto/defer.md", client=client, **names)
    await page.define(0, 1)
    async with page.engine() as engine:
        assert await engine.invoke(page.names["order"]) == "paid"
        assert await removed.get() == "first"
        await engine.invoke(page.names["payment"])
        with pytest.raises(inngest.errors.RunFailedError):
            await engine.invoke(page.names["payment"])
        assert await removed.get() == "unpaid"


async def test_deploying(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")
    given = (
        "charge",
        "send_receipt",
        "ship",
        "pay_back",
        "write_cheque",
        "post_cheque",
        "print_invoice",
        "mail_invoice",
    )
    page = Page(tmp_path, "howto/deploy.md", client=client, **{name: ready(name) for name in given})
    await page.define(0, 1, 2)
    async with page.engine() as engine:
        assert (await started(engine, "shop/order.placed")).output == "ship"
        assert (await started(engine, "shop/refund.asked")).output == "pay_back"
        assert (await started(engine, "shop/invoice.due")).output == "mail_invoice"


async def test_the_step_decorator(tmp_path: Path) -> None:
    page = Page(tmp_path, "howto/step-decorator.md")
    await page.define(0)
    async with page.engine() as engine:
        fulfilled = await started(engine, "shop/order", order_id=42)
    assert fulfilled.output == "receipt for 42: 4200 cents"
    assert [one.id for one in fulfilled.steps] == ["charge"]


async def test_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = inngest.Inngest(app_id="why")
    done = client.create_function(fn_id="done", trigger=inngest.TriggerEvent(event="done"))(ready())
    page = Page(tmp_path, "howto/why.md", client=client)
    async with page.engine() as engine:
        await engine.invoke(done)
        (found,) = await engine.runs()
        page.names.update(engine=engine, run_id=found.id)
        await page.define(0)
    assert capsys.readouterr().out == "ended It has completed. None\n"


async def test_arguments(tmp_path: Path) -> None:
    sent: list[object] = []

    async def charge(order_id: str, cents: int) -> str:
        return f"{order_id}: {cents}"

    async def send_email(to: object, text: str) -> None:
        sent.append((to, text))

    names = {"charge": charge, "send_email": send_email, "ship": ready(), "order_id": "42", "items": [1, 2]}
    page = Page(tmp_path, "howto/step-arguments.md", asyncio=asyncio, functools=functools, receipt="old", **names)
    for index in (0, 1):
        page.blocks[index] += "result = receipt"
        assert await page.in_a_function(index) == "42: 4200"
    await page.in_a_function(2, {"email": "ann@example.test"})
    assert sent == [("ann@example.test", "old")]
    await page.in_a_function(3)


async def test_a_web_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = inngest.Inngest(app_id="shop")
    client.create_function(fn_id="fulfil", trigger=inngest.TriggerEvent(event="shop/order.placed"))(ready())
    shop = ModuleType("shop")
    vars(shop)["client"] = client
    monkeypatch.setitem(sys.modules, "shop", shop)
    page = Page(tmp_path, "howto/web-application.md", contextlib=contextlib)
    await page.define(0)
    async with page.names["lifespan"](page.names["app"]):
        assert list(await page.names["place_order"]("apple")) == ["order"]
    await page.define(1)  # its hooks: tests/embedded/test_examples.py starts a server with them
    await page.define(2)
    page.names["start"]()
    assert page.names["engine"].runs_sync(function="shop-fulfil")
    page.names["stop"]()
    await page.define(3)


async def test_several_processes(tmp_path: Path) -> None:
    page = Page(tmp_path, "howto/several-processes.md")
    page.blocks[0] = page.blocks[0].replace("/var/lib/shop", str(tmp_path))
    assert str(tmp_path) in page.blocks[0]
    await page.define(0)


async def test_trouble(tmp_path: Path) -> None:
    page = Page(tmp_path, "howto/troubleshooting.md", asyncio=asyncio, charge=str, order_id=42)
    await page.in_a_function(0)


async def test_the_official_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def pay(order: int) -> str:
        if order == 13:
            raise ValueError("no such order")
        if order == 7:
            raise inngest.NonRetriableError("no cover")
        return "paid"

    page = Page(tmp_path, "howto/from-the-official-sdk.md", pay=pay)
    page.blocks[0] = page.blocks[0].replace('"shop/order.placed")', '"shop/order.placed"), retries=0')
    await page.define(0, 1)
    assert await page.names["main"](42) == "paid"
    assert await page.names["main"](7) == "declined: no cover"
    async with page.engine() as engine:
        assert await page.names["try_to_charge"](engine) == "FAILED: ValueError: no such order"


async def test_options_of_a_step(tmp_path: Path) -> None:
    page = Page(tmp_path, "reference/step-options.md", charge=ready("receipt"), order_id="42", write=print)
    page.blocks[0] += "result = receipt"
    assert await page.in_a_function(0) == "receipt"
    page.blocks[1] += "result = receipt"
    page.names.update(StepInterruptedError=inngest.errors.StepInterruptedError, find_charge=ready("found"))
    assert await page.in_a_function(1) == "receipt"
    page.blocks[2] += '\nresult = await ctx.step.run("export", export, ["a", "b"])'
    assert await page.in_a_function(2) == 2


async def test_events_of_the_engine(tmp_path: Path) -> None:
    told: list[object] = []

    async def page_someone(message: object) -> None:
        told.append(message)

    async def body(ctx: inngest.Context) -> None:
        raise ValueError("no money")

    client = inngest.Inngest(app_id="shop")
    charge = client.create_function(fn_id="charge", retries=0, trigger=inngest.TriggerEvent(event="charge"))(body)
    page = Page(tmp_path, "reference/system-events.md", client=client, page=page_someone)
    await page.define(0)
    async with page.engine() as engine:
        with pytest.raises(inngest.errors.RunFailedError):
            await engine.invoke(charge)
        async for ended in again(lambda: engine.runs(function="shop-tell-on-call", status=RunStatus.COMPLETED)):
            if ended:
                break
    assert told == ["no money"]


async def test_middleware(tmp_path: Path) -> None:
    names = {"seal": lambda value: {"sealed": value}, "unseal": lambda value: value["sealed"]}
    page = Page(tmp_path, "reference/middleware.md", **names)
    await page.define(0)
    client = page.names["client"] = inngest.Inngest(app_id="sealed", middleware=[page.names["Sealed"]])

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("say", ready("hello"))

    function = client.create_function(fn_id="says", trigger=inngest.TriggerEvent(event="say"))(body)
    async with page.engine() as engine:
        found = await started(engine, "say")
    assert function.id == "sealed-says"
    assert found.steps[0].output == {"sealed": "hello"}


async def test_erasing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("greet", lambda: ctx.event.data["user_id"])

    client = inngest.Inngest(app_id="shop")
    client.create_function(fn_id="greet", trigger=inngest.TriggerEvent(event="greet"))(body)
    page = Page(tmp_path, "howto/erase.md", client=client)
    async with page.engine() as engine:
        found = await started(engine, "greet", user_id="42")
        page.names["engine"] = engine
        await page.define(0)
        assert (await engine.run(found.id)).erased_at is not None
    assert capsys.readouterr().out.startswith("1 (")


def test_every_page_with_code_is_tried() -> None:
    with_code = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "```python" in path.read_text()}
    here = set(re.findall(r'Page\(tmp_path, "([\w/.-]+)"', Path(__file__).read_text(encoding="utf-8")))
    assert with_code - {page for page in with_code if page.startswith("decisions/")} == here | set(ELSEWHERE)
