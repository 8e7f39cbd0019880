"""`POST /e/{key}`: what is accepted, what is refused, and what is answered."""

from __future__ import annotations

import json

import pytest
from ulid import ULID

from inngest.protocol import limits
from inngest.protocol.ulids import Seed

from .conftest import Api

SEED = Seed(1_700_000_000_000, b"0123456789")


async def test_one_event_starts_its_run(api: Api) -> None:
    response = await api.post({"name": "shop/said", "data": {"word": "hello"}})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-inngest-server-kind"] == "dev"
    body = response.json()
    assert body == {"ids": [body["ids"][0]], "status": 200}
    (event_id,) = body["ids"]
    assert ULID.from_str(event_id)
    (result,) = await api.results(event_id)
    assert result == {"id": event_id, "data": {"word": "hello"}, "ts": result["ts"]}


async def test_several_events_get_their_ids_in_order(api: Api) -> None:
    words = ["a", "b", "c"]
    ids = (await api.post([{"name": "shop/said", "data": {"word": word}} for word in words])).json()["ids"]
    found = [(await api.results(event_id))[0] for event_id in ids]
    assert [result["data"]["word"] for result in found] == words


async def test_the_developers_id_counts_once_but_each_event_has_its_own_ulid(api: Api) -> None:
    event = {"name": "shop/said", "id": "order-7"}
    first, second = [(await api.post(event)).json()["ids"][0] for _ in range(2)]
    assert first != second
    (result,) = await api.results(first)
    assert result["id"] == "order-7"
    assert await api.results(second) == []


@pytest.mark.parametrize("ts", [0, None])
async def test_without_a_time_it_is_now(api: Api, ts: int | None) -> None:
    (event_id,) = (await api.post({"name": "shop/said", "ts": ts})).json()["ids"]
    (result,) = await api.results(event_id)
    assert abs(result["ts"] - ULID.from_str(event_id).milliseconds) < 5_000


async def test_its_time_is_kept_missing_data_is_empty_and_internal_data_is_removed(api: Api) -> None:
    ts = 1_600_000_000_000
    body = [{"name": "shop/said", "ts": ts}, {"name": "shop/said", "data": {"_inngest": {"x": 1}, "y": [1.5, "é"]}}]
    first, second = (await api.post(body)).json()["ids"]
    assert await api.results(first) == [{"id": first, "data": {}, "ts": ts}]
    (result,) = await api.results(second)
    assert result["data"] == {"y": [1.5, "é"]}


async def test_members_of_other_sdks_are_passed_over(api: Api) -> None:
    event = {"name": "shop/said", "user": {"id": 1}, "v": "2024-01-01", "meta": {"sessions": {}}, "more": 1}
    assert (await api.post(event)).status_code == 200


async def test_no_events_are_no_error(api: Api) -> None:
    response = await api.post([])
    assert (response.status_code, response.json()) == (200, {"ids": [""], "status": 200})


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"data": {}}, "event name is empty"),
        ({"name": "  "}, "event name is empty"),
        ({"name": None}, "event name is empty"),
        ({"name": "Inngest/function.failed"}, "event name is reserved for internal use"),
        ({"name": "x" * (limits.MAX_EVENT_NAME + 1)}, "event name is 513 characters long"),
        ({"name": "a", "id": "é" * 4_097}, "event id is 8,194 bytes long; at most 8,192 are allowed"),
        ({"name": "a", "ts": 1}, "timestamp is before Jan 1, 1980"),
        ({"name": "a", "ts": -1}, "timestamp is before Jan 1, 1980"),
        ({"name": "a", "ts": limits.MAX_EVENT_TS + 1}, "timestamp is after Jan 1, 2100"),
        ({"name": "a", "ts": "now"}, "ts: expected unix milliseconds as a whole number, got the string 'now'"),
        ({"name": "a", "ts": 1.5}, "ts: expected unix milliseconds as a whole number, got the number 1.5"),
        ({"name": "a", "ts": True}, "ts: expected unix milliseconds as a whole number, got true"),
        ({"name": 7}, "name: expected a string, got the number 7"),
        ({"name": "a", "id": 7}, "id: expected a string, got the number 7"),
        ({"name": "a", "data": [1]}, "data: expected an object, got an array"),
        ({"name": "a", "data": "x"}, "data: expected an object, got the string 'x'"),
        ({"name": "a", "data": {"x": "é" * (limits.MAX_EVENT_SIZE // 2)}}, "at most 3,145,728 are allowed"),
        ("a", "expected an event as an object, got the string 'a'"),
        (7, "expected an event as an object, got the number 7"),
        (None, "expected an event as an object, got null"),
    ],
)
async def test_an_event_that_breaks_a_rule_is_refused(api: Api, event: object, text: str) -> None:
    response = await api.post(content=json.dumps(event))
    assert response.status_code == 400
    body = response.json()
    assert (body["ids"], body["status"]) == ([""], 400)
    assert text in body["error"]


async def test_the_good_events_of_a_request_are_accepted_and_the_bad_leave_a_gap(api: Api) -> None:
    good = {"name": "shop/said"}
    response = await api.post([good, {"name": ""}, good, {"name": "inngest/x"}])
    body = response.json()
    assert response.status_code == 400
    assert body["error"] == "event name is empty (events[1] and 1 more; 2 of 4 events were accepted)"
    assert [bool(event_id) for event_id in body["ids"]] == [True, False, True, False]
    for event_id in (body["ids"][0], body["ids"][2]):
        assert len(await api.results(event_id)) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "the body is not JSON: Expecting value at line 1 column 1"),
        ("{'name': 1}", "the body is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"name": "\xff"}', "the body is not UTF-8: invalid start byte at byte 10"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name": "a", "ts": ' + "9" * 5_000 + "}", "the body cannot be read"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(api: Api, content: bytes | str, text: str) -> None:
    response = await api.post(content=content)
    assert response.status_code == 400
    assert response.json()["ids"] == []
    assert text in response.json()["error"]


async def test_nan_is_refused_with_its_place(api: Api) -> None:
    response = await api.post(content='{"name": "shop/said", "data": {"prices": [1, NaN]}}')
    assert response.status_code == 400
    assert response.json()["error"] == "data is not JSON: $.prices[1]: nan is not a JSON number"


async def test_too_many_events_are_refused_together(api: Api) -> None:
    body = [{"name": "shop/said"}] * (limits.MAX_EVENTS_PER_SEND + 1)
    response = await api.post(body)
    assert response.status_code == 400
    assert "5,001 events in one request; at most 5,000 are allowed" in response.json()["error"]
    assert await api.engine.runs() == []


async def test_a_body_without_end_is_cut_off(api: Api) -> None:
    response = await api.post(content=b" " * (64 * limits.MB + 1))
    assert response.status_code == 413
    assert "over 67,108,864 bytes" in response.json()["error"]


async def test_the_same_seed_gives_the_same_ids_and_starts_nothing_again(api: Api) -> None:
    body = [{"name": "shop/said", "data": {"n": 1}}, {"name": ""}, {"name": "shop/said", "data": {"n": 2}}]
    first = await api.post(body, x_inngest_event_id_seed=SEED.text)
    again = await api.post(body, x_inngest_event_id_seed=SEED.text)
    assert first.json()["ids"] == again.json()["ids"] == [SEED.event_id(0), "", SEED.event_id(2)]
    assert len(await api.engine.runs()) == 2


@pytest.mark.parametrize("seed", ["", "nonsense", "1,!", "0,MDEyMzQ1Njc4OQ==", "1700000000000,c2hvcnQ="])
async def test_a_malformed_seed_is_ignored(api: Api, seed: str) -> None:
    ids = [(await api.post({"name": "shop/said"}, x_inngest_event_id_seed=seed)).json()["ids"][0] for _ in range(2)]
    assert len(set(ids)) == 2
    assert len(await api.engine.runs()) == 2


async def test_the_fields_of_a_form_are_the_data_and_the_query_names_the_event(api: Api) -> None:
    response = await api.http.post(
        "/e/any-key?name=shop/said",
        content="name=Ada+L.&tag=a&tag=b&note=",
        headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
    )
    assert response.status_code == 200
    (result,) = await api.results(response.json()["ids"][0])
    assert result["data"] == {"name": ["Ada L."], "tag": ["a", "b"], "note": [""]}


@pytest.mark.parametrize("content", ['{"name": "shop/said"}', ' [{"name": "shop/said", "data": {}}]'])
async def test_json_that_is_called_a_form_is_json(api: Api, content: str) -> None:
    """`curl -d` calls it so, unless it is told otherwise."""
    response = await api.post(content=content, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert len(await api.engine.runs(event_id=response.json()["ids"][0])) == 1


async def test_the_fields_of_a_multipart_form_are_the_data_without_its_files(api: Api) -> None:
    response = await api.http.post(
        "/e/any-key?name=shop/said",
        data={"name": "Ada É.", "tag": ["a", "b"]},
        files={"photo": ("photo.png", b"\x89PNG\x00")},
    )
    assert response.status_code == 200
    (result,) = await api.results(response.json()["ids"][0])
    assert result["data"] == {"name": ["Ada É."], "tag": ["a", "b"]}


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("application/x-www-form-urlencoded", b"a=1", "event name is empty"),
        ("application/x-www-form-urlencoded", b"a=%ff", "the form cannot be read"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 10_001), "the form cannot be read"),
        ("application/x-www-form-urlencoded", b"a=" + b"1" * 10 * limits.MB, "at most 10,485,760 are read"),
        ("multipart/form-data", b"--x\r\n\r\n1\r\n--x--", "names no boundary"),
        ("multipart/form-data; boundary=y", b"--x\r\n\r\n1\r\n--x--", "its parts were not found"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n" * 10_002, "over 10,000 parts"),
        ("multipart/form-data; boundary=x", b"--x\r\na: " + b";" * 3_000, "over 2,048 bytes of headers"),
        ("multipart/form-data; a=" + ";" * 3_000, b"--x--", "over 2,048 bytes"),
    ],
)
async def test_a_form_that_names_no_event_or_is_broken_is_refused(
    api: Api, content_type: str, content: bytes, text: str
) -> None:
    response = await api.http.post("/e/k", content=content, headers={"content-type": content_type})
    assert response.status_code == 400
    assert text in response.json()["error"]


def _part(head: str, content: str) -> str:
    return f"--x\r\ncontent-disposition: form-data; {head}\r\n\r\n{content}\r\n"


@pytest.mark.parametrize(
    ("content", "data"),
    [
        pytest.param(_part('name="é"', "a\r\n--y\r\n") + "--x--", {"é": ["a\r\n--y\r\n"]}, id="text of any kind"),
        pytest.param(
            (_part("name=a", "1") + _part("name=a", "") + "--x--").replace("\r", ""), {"a": ["1", ""]}, id="line feeds"
        ),
        pytest.param(
            "--x\r\n\r\n1\r\n" + _part("name*=utf-8''%C3%A9", "2") + "--x--", {"é": ["2"]}, id="a part without a name"
        ),
        pytest.param(
            _part("name=a\r\ncontent-type: multipart/mixed; boundary=x", "--b\r\n\r\n1") + "--x--",
            {"a": ["--b\r\n\r\n1"]},
            id="a part that says that it has parts",
        ),
        pytest.param(
            _part("name=a\r\ncontent-transfer-encoding: base64", "w6k=") + "--x--", {"a": ["é"]}, id="encoded"
        ),
        pytest.param(_part("name=a", "1") * 10_000 + "--x--", {"a": ["1"] * 10_000}, id="as many as there may be"),
    ],
)
async def test_parts_of_a_form(api: Api, content: str, data: object) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await api.http.post("/e/k?name=shop/said", content=content.encode(), headers=headers)
    assert response.status_code == 200
    (result,) = await api.results(response.json()["ids"][0])
    assert result["data"] == data


async def test_parts_within_parts_are_not_looked_for(api: Api) -> None:
    nested = "".join(f"--b{n}\r\ncontent-type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(1_500))
    headers = {"content-type": "multipart/form-data; boundary=b0"}
    assert (await api.http.post("/e/k?name=shop/said", content=nested.encode(), headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[" + b"{}," * limits.MB + b"{}]", "over 5,000 events in one request"),
        (b" [ " + b"{} , " * limits.MB, "over 5,000 events in one request"),
        (b'{"name":"shop/said","data":{"a":[' + b"[]," * 4_000_000, "4,000,003 opening brackets"),
        (b"[" + b"{}," * 4_000 + b"nul]" + b" " * 3 * limits.MB, "the body is not JSON: Expecting value"),
        (b"[" * 4_000_000, "the body is nested too deeply"),
    ],
)
async def test_a_large_body_is_looked_over_before_it_is_read(api: Api, body: bytes, text: str) -> None:
    response = await api.post(content=body)
    assert response.status_code == 400
    assert text in response.json()["error"]


async def test_a_key_is_needed_whatever_it_is(api: Api) -> None:
    response = await api.http.post("/e/", json={"name": "shop/said"})
    assert response.status_code == 401
    assert response.json()["error"].startswith("event key is required")


async def test_every_origin_may_send(api: Api) -> None:
    origin = {"origin": "https://shop.test"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-inngest-sdk"}
    preflight = await api.http.options("/e/key", headers={**origin, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    response = await api.http.post("/e/key", json={"name": "shop/said"}, headers=origin)
    assert response.headers["access-control-allow-origin"] == "*"


async def test_other_origins_may_not_read_runs(api: Api) -> None:
    response = await api.http.get("/v1/events/x/runs", headers={"origin": "https://shop.test"})
    assert "access-control-allow-origin" not in response.headers


async def test_a_server_whose_engine_is_stopped_says_so(api: Api) -> None:
    await api.engine.stop()
    response = await api.post({"name": "shop/said"})
    assert (response.status_code, response.json()["status"]) == (503, 503)
    assert "the engine is stopped" in response.json()["error"]
