"""Apps register over HTTP: what they are told, what is known then, and what is kept of failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.engine.domain.model import App
from inngest.server.app import create_app

from .conftest import Api

URL = "http://127.0.0.1:9000/api/inngest"


def function(fn_id: str = "web-pay", **members: Any) -> dict[str, Any]:
    """A function object of the wire."""
    runtime = {"type": "http", "url": f"{URL}?fnId={fn_id}&stepId=step"}
    step = {"id": "step", "name": "step", "retries": {"attempts": 2}, "runtime": runtime}
    return {"id": fn_id, "name": "Pay", "triggers": [{"event": "web/paid"}], "steps": {"step": step}, **members}


def body(*functions: object, **members: object) -> dict[str, object]:
    """A registration as the Python SDK sends it."""
    return {
        "appname": "web",
        "deploy_type": "ping",
        "framework": "flask",
        "sdk": "py:v0.5.19",
        "url": URL,
        "v": "0.1",
        "functions": list(functions),
        **members,
    }


async def register(api: Api, *functions: object, **members: object) -> httpx.Response:
    return await api.http.post("/fn/register", json=body(*functions, **members))


async def apps(api: Api) -> list[App]:
    return list(await host_of(api.engine).on_its_loop().service.apps.listed())


async def started(api: Api, name: str = "web/paid") -> list[str]:
    (event_id,) = await api.engine.send(inngest.Event(name=name))
    return sorted(run.function_id for run in await api.engine.runs(event_id=event_id))


async def test_an_app_registers_and_events_start_its_functions(api: Api) -> None:
    response = await register(api, function())
    assert response.status_code == 200
    answer = response.json()
    (app,) = await apps(api)
    assert answer == {"ok": True, "modified": True, "sync_id": answer["sync_id"], "app_id": app.uuid}
    assert (app.name, app.url, app.sdk, app.framework, app.error) == ("web", URL, "py:v0.5.19", "flask", None)
    assert await started(api) == ["web-pay"]

    again = (await register(api, function())).json()
    assert (again["modified"], again["app_id"]) == (False, app.uuid)


async def test_another_sdk_spells_it_otherwise(api: Api) -> None:
    wire = {
        "appName": "web",
        "deployType": "ping",
        "sdk": "js:v4.24.0",
        "url": URL,
        "v": "0.1",
        "capabilities": {"trust_probe": "v1"},
        "functions": [function()],
        "appVersion": "7",
    }
    assert (await api.http.post("/fn/register?deployId=x", json=wire)).json()["modified"] is True
    (app,) = await apps(api)
    assert (app.sdk, app.version, app.framework) == ("js:v4.24.0", "7", "")


async def test_an_app_without_functions_archives_those_it_had(api: Api) -> None:
    await register(api, function())
    assert (await register(api)).json()["modified"] is True
    assert await started(api) == []


async def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_applied(api: Api) -> None:
    bad = function("web-bad", name="", debounce={"period": "never"})
    response = await register(api, function(), bad, function("web-worse", triggers=[]))
    assert response.status_code == 400
    answer = response.json()
    assert answer["error"] == "At least one function is invalid"
    assert [(one["function"], one["path"]) for one in answer["problems"]] == [
        ("web-bad", "name"),
        ("web-bad", "debounce.period"),
        ("web-worse", "triggers"),
    ]
    assert await started(api) == []
    (app,) = await apps(api)
    assert app.synced_at is None
    assert app.error is not None
    assert app.error.startswith("At least one function is invalid: web-bad: name: a function has a name")

    assert (await register(api, function())).status_code == 200
    assert [(one.name, one.error) for one in await apps(api)] == [("web", None)]


async def test_of_very_much_that_is_wrong_the_first_is_told_and_kept(api: Api) -> None:
    """Every list of apps shows what is kept."""
    many = [function(f"web-{number}", name="") for number in range(150)]
    refused = await api.http.post("/fn/register", json=body(*many, "x" * 100_000))
    assert refused.status_code == 400
    problems = refused.json()["problems"]
    assert len(problems) == 101
    assert problems[0]["function"] == "web-0"
    assert problems[-1] == {"function": "", "path": "", "text": "and 51 more"}
    refused = await api.http.post("/fn/register", json=body("x" * 100_000, function("w" * 100_000)))
    assert all(len(part) <= 300 for problem in refused.json()["problems"] for part in problem.values())
    (app,) = await apps(api)
    assert app.error is not None
    assert len(app.error) < 3_000


async def test_a_failed_registration_leaves_what_was_registered(api: Api) -> None:
    await register(api, function())
    assert (await register(api, function(triggers=[]))).status_code == 400
    assert await started(api) == ["web-pay"]


async def test_a_function_of_this_process_is_not_taken_from_it(api: Api) -> None:
    response = await register(api, function("shop-echo"))
    assert response.status_code == 400
    (problem,) = response.json()["problems"]
    assert problem["function"] == "shop-echo"
    assert problem["text"] == "another app, or a worker in its own process, has it"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the registration is not JSON"),
        (b"[]", "the registration: expected an object, got []"),
        (b"\xff", "the registration is not JSON"),
        (b"[" * 100_000, "the registration is nested too deeply"),
        (b"{}", "appname: expected the name of the app, got None; url: expected the URL of its endpoint, got None"),
        (b'{"appName":"a","url":"u","functions":{}}', "functions: expected an array, got dict"),
    ],
)
async def test_a_body_that_is_none_is_refused(api: Api, content: bytes, text: str) -> None:
    response = await api.http.post("/fn/register", content=content)
    assert response.status_code == 400
    assert response.json()["error"].startswith(text)
    assert await apps(api) == []


async def test_an_app_that_expects_another_kind_of_server_is_refused(api: Api) -> None:
    headers = {"x-inngest-expected-server-kind": "cloud"}
    response = await api.http.post("/fn/register", json=body(function()), headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "Expected server kind cloud, got dev")
    assert await apps(api) == []
    headers = {"x-inngest-expected-server-kind": "dev"}
    assert (await api.http.post("/fn/register", json=body(function()), headers=headers)).status_code == 200


async def test_an_app_is_removed_by_its_url(api: Api) -> None:
    await register(api, function())
    response = await api.http.delete("/fn/remove", params={"url": URL})
    assert response.json() == {"ok": True, "archived": ["web"]}
    assert await started(api) == []
    missing = await api.http.delete("/fn/remove", params={"url": "http://nowhere"})
    assert missing.status_code == 404


async def test_apps_are_known_after_a_restart(tmp_path: Path) -> None:
    async with inngest.Engine([], database=f"sqlite:///{tmp_path}/i.db") as engine:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            await http.post("/fn/register", json=body(function()))
    async with inngest.Engine([], database=f"sqlite:///{tmp_path}/i.db") as engine:
        (event_id,) = await engine.send(inngest.Event(name="web/paid"))
        assert [run.function_id for run in await engine.runs(event_id=event_id)] == ["web-pay"]


@pytest.mark.parametrize("wrong", ["\udfff\ud800", "a\udfff", "\x00"])
async def test_an_id_that_no_text_can_hold_is_refused(api: Api, wrong: str) -> None:
    """JSON can write halves of surrogate pairs, and neither UTF-8 nor a database can hold them."""
    broken: list[dict[str, Any]] = [{"id": wrong}, {"id": wrong, "triggers": -1}, {"triggers": [{"event": wrong}]}]
    for change in broken:
        content = json.dumps(body(function(**change)))
        answer = await api.http.post("/fn/register", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400, change
        assert answer.json()["problems"]


async def test_two_deployments_that_replace_each_other_are_told_once(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    other = "http://10.0.0.2:9000/api/inngest"
    for url in (URL, URL, other, URL, other, URL, other):
        assert (await register(api, function(), url=url)).status_code == 200
    (told,) = [record for record in caplog.records if "in turn" in record.getMessage()]
    assert (told.levelname, told.getMessage()) == (
        "WARNING",
        f"app web registers at {other} and at {URL} in turn, and each takes the place of the other: give one of the "
        "two another app_id, or ask only one of them to register",
    )


async def test_functions_that_an_app_registers_without_are_told_with_what_waits_for_them(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "inngest.engine")
    kept = function("web-kept", triggers=[{"event": "web/kept"}])
    many = [function(f"web-{number:02}", triggers=[{"event": "web/many"}]) for number in range(10)]
    for _ in range(2):
        assert (await register(api, kept, function(), *many)).status_code == 200
        await started(api)
    assert (await register(api, kept)).status_code == 200
    assert (await register(api, kept)).status_code == 200
    told = [(one.levelname, one.getMessage()) for one in caplog.records if "registered without" in one.getMessage()]
    nothing = (
        "app web has registered without its function web-{:02}: nothing starts it any more, and no run waits for it"
    )
    of_pay = (
        "app web has registered without its function web-pay: nothing starts it any more, and 2 runs wait for it: "
        "have it register again, or end them with `inngest cancel --function web-pay`"
    )
    assert told == [
        ("WARNING", of_pay),
        *(("INFO", nothing.format(number)) for number in range(9)),
        ("WARNING", "app web has registered without 1 more of its functions"),
    ]


async def test_a_deployment_that_moves_is_no_second_one(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 1, 2, 3, 3, 4):
        url = f"http://10.0.0.{number}:9000/api/inngest"
        assert (await register(api, function(), url=url)).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
