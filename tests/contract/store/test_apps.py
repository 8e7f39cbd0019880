"""The registry of apps: what is registered, what is archived, and what becomes of runs then."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from inngest.engine.domain.model import App, FunctionSpec, RunStatus, Transport
from inngest.engine.ports import Store
from inngest.engine.records import Synced, Written
from tests.contract.store import values
from tests.contract.store.values import NOW, accept, acceptance, event, owner

URL = "http://127.0.0.1:9000/api/inngest"
SHOP = App("shop", "uuid-of-shop", URL, sdk="py:v0.5.19", framework="flask", checksum="one")


def served(name: str, *events: str, app: str = "shop", version: str = "v1", **config: object) -> FunctionSpec:
    """A function that an app serves."""
    spec = values.function(name, *events, app=app, version=version, config=json.dumps(config))
    return spec._replace(transport=Transport.HTTP, url=f"{URL}?fnId={spec.id}&stepId=step", uuid=f"uuid-of-{spec.id}")


async def register(store: Store, *functions: FunctionSpec, app: App = SHOP, now: int = NOW) -> Synced:
    return await store.register_app(app, functions, now)


async def started(store: Store, name: str, now: int = NOW) -> list[str]:
    """Functions of which an event starts runs."""
    return sorted(start.run.function_id for start, _ in await accept(store, event(name, now=now), now=now))


async def app_of(store: Store, name: str = "shop") -> App:
    (app,) = [app for app in await store.apps() if app.name == name]
    return app


async def test_an_app_is_known_with_its_functions_which_events_start(store: Store, other: Store) -> None:
    synced = await register(store, served("pay", "paid"))

    known = SHOP._replace(created_at=NOW, synced_at=NOW)
    assert synced == Synced(known, modified=True)
    assert await other.apps() == [known]
    assert await started(other, "paid") == ["shop-pay"]
    assert await started(store, "go") == ["app-a"]  # those of others are as they were


async def test_what_has_not_changed_is_not_written_but_for_its_time(store: Store, other: Store) -> None:
    await register(store, served("pay", "paid"))
    with values.seen_by_the_domain() as before:
        await started(other, "paid")

    again = await register(store, served("pay", "paid"), app=SHOP._replace(sdk="py:v0.6"), now=NOW + 5)

    assert again == Synced(SHOP._replace(sdk="py:v0.6", created_at=NOW, synced_at=NOW + 5), modified=False)
    assert await app_of(store) == again.app
    with values.seen_by_the_domain() as after:
        await started(other, "paid")
    assert after[0].generation == before[0].generation


@pytest.mark.parametrize(
    ("app", "function"),
    [
        (SHOP, served("pay", "paid", version="v2")),
        (SHOP._replace(checksum="two"), served("pay", "paid")),
        (SHOP, served("pay", "paid")._replace(url="http://elsewhere")),
        (SHOP, served("pay", "charged")),
    ],
)
async def test_what_has_changed_is_written(store: Store, app: App, function: FunctionSpec) -> None:
    await register(store, served("pay", "paid"))
    assert (await register(store, function, app=app)).modified
    assert await started(store, function.events[0]) == ["shop-pay"]
    assert not (await register(store, function, app=app)).modified


async def test_a_function_that_is_missing_later_is_archived_and_comes_back(store: Store) -> None:
    await register(store, served("pay", "paid"), served("send", "paid"))
    await register(store, served("pay", "paid"), app=SHOP._replace(checksum="two"))
    assert await started(store, "paid") == ["shop-pay"]

    await register(store, served("pay", "paid"), served("send", "paid"), now=NOW + 1)
    assert await started(store, "paid") == ["shop-pay", "shop-send"]


async def test_runs_of_an_archived_function_go_on_within_its_limits(store: Store) -> None:
    limited = served("pay", "paid", concurrency=1)
    await register(store, limited)
    for _ in range(2):
        await accept(store, event("paid"))
    await register(store, app=SHOP._replace(checksum="two"))

    claims = await store.claim(owner(), 9, ["shop-pay"], NOW + 1, alone=True)
    (first,) = claims.runs
    assert await values.commit(store, first, values.end()) is Written.DONE
    (second,) = (await store.claim(owner(), 9, ["shop-pay"], NOW + 2, alone=True)).runs
    assert second.run.id != first.run.id


async def test_an_archived_function_cannot_be_invoked(store: Store) -> None:
    await register(store, served("pay", "paid"))
    await register(store, app=SHOP._replace(checksum="two"))
    asked = acceptance(event("inngest/function.invoked"))._replace(invoke="shop-pay")
    assert (await store.accept(asked)).started == []


async def test_a_schedule_stops_with_its_function_and_begins_anew_with_it(store: Store) -> None:
    hourly = served("report", triggers=[{"cron": "0 * * * *"}])
    hour = 3_600_000
    tick = (NOW // hour + 1) * hour
    await register(store, hourly)
    assert len((await store.fire(tick)).started) == 1

    await register(store, app=SHOP._replace(checksum="two"))
    assert (await store.fire(tick + hour)).started == []
    assert (await store.fire(tick + 2 * hour)).next_due is None

    await register(store, hourly, now=tick + 2 * hour)
    assert (await store.fire(tick + 2 * hour)).started == []
    assert len((await store.fire(tick + 3 * hour)).started) == 1


@pytest.mark.parametrize(
    "function",
    [
        served("pay", "paid", debounce={"period": "1s"}),
        served("pay", "paid", batchEvents={"maxSize": 5, "timeout": "1s"}),
    ],
    ids=["debounce", "batch"],
)
async def test_what_was_collected_for_an_archived_function_is_skipped_and_says_why(
    store: Store, function: FunctionSpec
) -> None:
    await register(store, function)
    assert await started(store, "paid") == []
    await register(store, app=SHOP._replace(checksum="two"))

    (start,) = (await store.fire(NOW + 9_000)).started
    assert start.run.status is RunStatus.SKIPPED
    assert "its app was registered without it" in (start.run.error or "")
    assert not (await store.claim(owner(), 9, ["shop-pay"], NOW + 9_000, alone=True)).runs


async def test_a_changed_limit_holds_for_lanes_that_are_there(store: Store) -> None:
    await register(store, served("pay", "paid", concurrency=1))
    for _ in range(3):
        await accept(store, event("paid"))
    assert len((await store.claim(owner(), 9, ["shop-pay"], NOW, alone=True)).runs) == 1

    await register(store, served("pay", "paid", version="v2", concurrency=2))
    assert len((await store.claim(owner(), 9, ["shop-pay"], NOW, alone=True)).runs) == 1


async def taken(store: Store, *functions: FunctionSpec, app: App = SHOP) -> Sequence[str]:
    before = await store.apps()
    synced = await register(store, *functions, app=app)
    assert bool(synced.taken) == (await store.apps() == before)
    return list(synced.taken)


async def test_a_function_of_another_app_is_not_taken_from_it(store: Store) -> None:
    await register(store, served("pay", "paid"))
    thief = App("thief", "uuid", "http://elsewhere", checksum="t")
    stolen = served("pay", "stolen")._replace(app_id="thief")
    assert await taken(store, stolen, served("own", "stolen", app="thief"), app=thief) == ["shop-pay"]
    assert await started(store, "stolen") == []

    await store.archive_app("shop", NOW)
    assert await taken(store, stolen, app=thief) == []
    assert await started(store, "stolen") == ["shop-pay"]


async def test_a_function_that_a_worker_serves_in_its_process_is_not_taken_from_it(store: Store) -> None:
    served_there = values.session("here", "app-a")
    await store.begin_session(served_there)
    app = App("app", "uuid", URL, checksum="a")
    assert await taken(store, served("a", "go", app="app"), app=app) == ["app-a"]

    await store.end_session("here", NOW, died=False)
    assert await taken(store, served("a", "go", app="app"), app=app) == []


async def test_a_worker_that_has_an_app_whole_leaves_what_is_served_elsewhere(store: Store) -> None:
    await register(store, served("pay", "paid"))
    await store.register([values.function("local", "paid", app="shop")], replace_app="shop", now=NOW)
    assert await started(store, "paid") == ["shop-local", "shop-pay"]

    await register(store, served("pay", "paid"), app=SHOP._replace(checksum="two"))
    assert await started(store, "paid") == ["shop-local", "shop-pay"]


async def test_more_functions_than_a_transaction_writes_are_known_and_archived(store: Store) -> None:
    many = [served(f"f{number:03}", "paid") for number in range(450)]
    assert (await register(store, *many)).modified
    assert len(await started(store, "paid")) == 450
    assert not (await register(store, *many)).modified
    assert (await register(store, many[0], app=SHOP._replace(checksum="two"))).modified
    assert await started(store, "paid") == ["shop-f000"]


async def test_why_a_sync_failed_is_kept_until_one_succeeds(store: Store) -> None:
    await register(store, served("pay", "paid"))
    await store.note_sync_error(App(URL, "uuid", URL, error="nobody answers"), NOW + 1)
    assert await app_of(store) == SHOP._replace(created_at=NOW, synced_at=NOW, error="nobody answers")

    assert not (await register(store, served("pay", "paid"), now=NOW + 2)).modified
    assert (await app_of(store)).error is None


async def test_an_error_of_an_app_that_has_moved_leaves_what_is_known_of_it(store: Store) -> None:
    await register(store, served("pay", "paid"))
    await store.note_sync_error(SHOP._replace(url="http://moved", checksum="", error="invalid"), NOW + 1)
    assert await store.apps() == [SHOP._replace(created_at=NOW, synced_at=NOW, error="invalid")]


async def test_an_app_that_never_registered_has_its_url_for_a_name_until_it_does(store: Store) -> None:
    failed = App(URL, "uuid", URL, error="nobody answers")
    await store.note_sync_error(failed, NOW)
    await store.note_sync_error(failed._replace(error="still nobody"), NOW + 1)
    assert await store.apps() == [failed._replace(created_at=NOW, error="still nobody")]

    await register(store, served("pay", "paid"), now=NOW + 2)
    assert await store.apps() == [SHOP._replace(created_at=NOW + 2, synced_at=NOW + 2)]


async def test_an_app_is_archived_with_its_functions_and_comes_back(store: Store) -> None:
    assert await store.archive_app("shop", NOW) is None
    await register(store, served("pay", "paid"))

    assert await store.archive_app("shop", NOW + 1) is True
    assert (await app_of(store)).archived_at == NOW + 1
    assert await started(store, "paid") == []
    assert await store.archive_app("shop", NOW + 2) is False

    assert (await register(store, served("pay", "paid"), now=NOW + 3)).modified
    assert (await app_of(store)).archived_at is None
    assert await started(store, "paid") == ["shop-pay"]


async def test_an_app_is_away_until_it_answers_for_whoever_asks(store: Store, other: Store) -> None:
    assert await store.app_is_away("shop", "refused", NOW) == NOW
    assert await other.app_is_away("shop", "refused", NOW + 500) == NOW  # known already
    assert await other.app_is_away("shop", "reset", NOW + 2_000) == NOW
    assert await store.app_is_away("mail", "refused", NOW) == NOW

    away = await other.apps_away(NOW + 2_000)
    assert [(name, one.since, one.error) for name, one in away.items()] == [
        ("mail", NOW, "refused"),
        ("shop", NOW, "reset"),
    ]
    await store.app_is_back("shop", NOW + 3_000)
    await store.app_is_back("other", NOW + 3_000)
    assert list(await other.apps_away(NOW + 3_000)) == ["mail"]
    assert await other.app_is_away("shop", "refused", NOW + 4_000) == NOW + 4_000


async def test_nobody_calls_an_app_that_is_away_and_it_is_forgotten(store: Store) -> None:
    await store.app_is_away("shop", "refused", NOW)
    assert list(await store.apps_away(NOW + 60_000)) == ["shop"]
    assert list(await store.apps_away(NOW + 61_000)) == []
    assert await store.app_is_away("shop", "refused", NOW + 3_600_000) == NOW + 3_600_000
