"""The page on transactions, as written, each part with its library."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

import inngest
from tests import postgres
from tests.embedded.test_pages import blocks

PAGE = "howto/transactions.md"

DJANGO = """
import sys
import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["shop"], DATABASES={"default": %(database)r}, INNGEST_DATABASE=%(url)r,
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.db import connection
from shop import jobs
from shop.models import Payment

with connection.schema_editor() as editor:
    editor.create_model(Payment)
with jobs.engine:
    print(jobs.engine.invoke_sync(jobs.pay, data={"order": 42}))
print([payment.number for payment in Payment.objects.all()])
"""


SENDING = """
import json
import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["shop"], DATABASES={"default": %(database)r}, INNGEST_DATABASE=%(url)r,
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
import inngest
from django.db import connection, transaction
from django.test import RequestFactory
from shop import views
from shop.models import Payment

with inngest.Engine([], database=settings.INNGEST_DATABASE):
    with connection.schema_editor() as editor:
        editor.create_model(Payment)
request = RequestFactory().post("/", {"number": "42"})
(sent,) = json.loads(views.place(request).content)["ids"]
try:
    with transaction.atomic():
        views.place(request)
        raise ValueError("no")
except ValueError:
    pass
event = inngest.Event(name="shop/payment.made")
try:
    views.client.send_sync(event, connection=connection)
except inngest.errors.TransactionError as error:
    print("(autocommit)" in error.message)


@views.client.create_function(fn_id="thank", trigger=inngest.TriggerEvent(event="shop/payment.made"))
def thank(ctx):
    return ctx.event.data["payment"]


with inngest.Engine(views.client, database=settings.INNGEST_DATABASE) as engine:
    while not (runs := engine.runs_sync()):
        pass
    print([engine.wait_sync(run.id) for run in runs], [run.event_id for run in runs] == [sent])
print([payment.number for payment in Payment.objects.all()])
"""


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a PostgreSQL database with a table of payments."""
    schema = "s" + uuid.uuid4().hex
    postgres.server().execute("CREATE TABLE payments (number INTEGER)")
    yield postgres.server().url(schema=schema)
    postgres.server().execute("DROP TABLE payments")
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def payments(folder: Path) -> list[int]:
    """The numbers of what was paid, by the file."""
    connection = sqlite3.connect(folder / "shop.db")
    try:
        return [number for (number,) in connection.execute("SELECT number FROM payments")]
    finally:
        connection.close()


def page(index: int, **names: Any) -> dict[str, Any]:
    """The names of a block."""
    found = {"__name__": "page", **names}
    exec(compile(blocks(PAGE)[index], PAGE, "exec"), found)
    return found


async def test_with_sqlite3(folder: Path) -> None:
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("CREATE TABLE payments (number INTEGER)")
    connection.close()
    names = page(0)
    async with names["engine"] as engine:
        assert await engine.invoke(names["pay"], data={"order": 42}) == 42
    assert payments(folder) == [42]


async def test_with_psycopg(url: str) -> None:
    names = page(1, URL=url)
    async with names["engine"] as engine:
        assert await engine.invoke(names["pay"], data={"order": 42}) == 42
    assert postgres.server().execute("SELECT number FROM payments") == [(42,)]


async def test_with_fastapi_and_sqlalchemy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")  # SQLAlchemy looks for what annotations name
    monkeypatch.setitem(sys.modules, "page", module)
    exec(compile(blocks(PAGE)[2], PAGE, "exec"), module.__dict__)
    names = module.__dict__
    app = names["app"]
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        (event_id,) = (await http.post("/orders/42")).json()
        async with inngest.Engine([], database="sqlite:///shop.db") as other:
            (run,) = await other.runs(event_id=event_id)
            assert await other.wait(run.id) == 1
    names["database"].dispose()
    assert payments(folder) == [42]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_with_django(folder: Path, kind: str) -> None:
    done = await in_django(folder, kind, DJANGO, {3: "models.py", 4: "jobs.py"})
    assert done.stdout.split("\n") == ["1", "[42]", ""], done.stderr[-2_000:]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_sending_with_django(folder: Path, kind: str) -> None:
    done = await in_django(folder, kind, SENDING, {3: "models.py", 6: "views.py"})
    assert done.stdout.split("\n") == ["True", "[1] True", "[42]", ""], done.stderr[-2_000:]


async def in_django(folder: Path, kind: str, script: str, modules: dict[int, str]) -> subprocess.CompletedProcess[str]:
    """A script in a process of its own, beside an app of Django that has blocks of the page as modules."""
    package, server = folder / "shop", postgres.server()
    package.mkdir()
    (package / "__init__.py").touch()
    for index, name in modules.items():
        (package / name).write_text(blocks(PAGE)[index], encoding="utf-8")
    url, database = "sqlite:///shop.db", {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}
    if kind == "postgres":
        server.execute("CREATE DATABASE django")
        url = server.url("django")
        database = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "django",
            "USER": postgres.USER,
            "HOST": str(server.folder),
        }
    (folder / "run.py").write_text(script % {"database": database, "url": url}, encoding="utf-8")
    try:
        return await asyncio.to_thread(
            subprocess.run, [sys.executable, "run.py"], capture_output=True, text=True, cwd=folder, check=False
        )
    finally:
        if kind == "postgres":
            server.execute("DROP DATABASE django WITH (FORCE)")


async def test_sending_with_fastapi_and_sqlalchemy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")  # SQLAlchemy looks for what annotations name
    monkeypatch.setitem(sys.modules, "page", module)
    async with inngest.Engine([], database="sqlite:///shop.db"):
        pass
    exec(compile(blocks(PAGE)[5], PAGE, "exec"), module.__dict__)
    names = module.__dict__
    names["Base"].metadata.create_all(names["database"])
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        (event_id,) = (await http.post("/orders", params={"item": "tea"})).json()
    names["database"].dispose()
    assert await started(names["client"], "shop/order.placed") == [(event_id, {"order": 1})]


async def test_sending_with_sqlite3(folder: Path) -> None:
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("CREATE TABLE payments (number INTEGER)")
    connection.close()
    async with inngest.Engine([], database="sqlite:///shop.db"):
        pass
    names = page(7)
    names["connection"].close()
    ((_, data),) = await started(names["client"], "shop/payment.made")
    assert (data, payments(folder)) == ({"payment": 42}, [42])


async def started(client: inngest.Inngest, event: str) -> list[tuple[str, object]]:
    """The event that a worker finds, and what is in it."""
    seen: asyncio.Queue[tuple[str, object]] = asyncio.Queue()

    @client.create_function(fn_id="hear", trigger=inngest.TriggerEvent(event=event))
    async def hear(ctx: inngest.Context) -> None:
        seen.put_nowait((ctx.event.id, ctx.event.data))

    async with inngest.Engine([hear], database="sqlite:///shop.db") as engine:
        found = [await seen.get()]
        assert len(await engine.runs()) == 1
    return found
