"""`create_function`: every parameter is checked when it is called."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import inngest
from inngest.errors import FunctionConfigInvalidError

EVENT = inngest.TriggerEvent(event="shop/order.placed")


@pytest.fixture
def client() -> inngest.Inngest:
    return inngest.Inngest(app_id="shop")


async def handler(ctx: inngest.Context) -> None:
    """An async one."""


def plain_handler(ctx: inngest.ContextSync) -> None:
    """A plain one."""


def refused(client: inngest.Inngest, **values: Any) -> str:
    with pytest.raises(FunctionConfigInvalidError) as raised:
        client.create_function(**{"fn_id": "pay", "trigger": EVENT, **values})(handler)
    return raised.value.message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fn_id": ""}, "fn_id: expected a text that is not empty, got ''"),
        ({"fn_id": 5}, "fn_id: expected a text that is not empty, got 5"),
        ({"fn_id": "a\0"}, "fn_id: must not contain the character NUL"),
        ({"fn_id": "a\ud800"}, "fn_id: must not contain half of a surrogate pair"),
        ({"name": ""}, "name: expected a text that is not empty"),
        ({"trigger": []}, "trigger: expected 1 to 10 triggers, got 0"),
        ({"trigger": [EVENT] * 11}, "trigger: expected 1 to 10 triggers, got 11"),
        (
            {"trigger": "shop/order"},
            "trigger: expected inngest.TriggerEvent or TriggerCron, got 'shop/order': "
            "give inngest.TriggerEvent(event='shop/order')",
        ),
        ({"retries": -1}, "retries: expected a whole number from 0 to 20, got -1"),
        ({"retries": 1.5}, "retries: expected a whole number from 0 to 20, got 1.5"),
        ({"retries": True}, "retries: expected a whole number from 0 to 20, got True"),
        ({"batch_events": 5}, "batch_events: expected inngest.Batch, got 5"),
        (
            {"cancel": inngest.Cancel(event="a")},
            "cancel: expected a list of inngest.Cancel, got Cancel(event='a', if_exp=None, timeout=None): "
            "put it into a list",
        ),
        ({"cancel": [EVENT]}, "cancel: expected inngest.Cancel, got TriggerEvent("),
        ({"cancel": [inngest.Cancel(event="a")] * 6}, "cancel: at most 5 are allowed, got 6"),
        ({"concurrency": [5]}, "concurrency: expected inngest.Concurrency, got 5"),
        (
            {"concurrency": [inngest.Concurrency(limit=1, key="event.data.a")] * 3},
            "concurrency: at most 2 are allowed, got 3",
        ),
        ({"concurrency": [inngest.Concurrency(limit=1)] * 2}, "concurrency: only one limit without a key is allowed"),
        ({"debounce": inngest.Timeouts()}, "debounce: expected inngest.Debounce, got Timeouts("),
        ({"idempotency": ""}, "idempotency: expected a text that is not empty"),
        ({"idempotency": "event.data.id ="}, "idempotency: line 1, column 15: unexpected '='"),
        ({"priority": "5"}, "priority: expected inngest.Priority, got '5'"),
        ({"rate_limit": 5}, "rate_limit: expected inngest.RateLimit, got 5"),
        ({"singleton": "skip"}, "singleton: expected inngest.Singleton, got 'skip'"),
        ({"throttle": 5}, "throttle: expected inngest.Throttle, got 5"),
        ({"timeouts": 5}, "timeouts: expected inngest.Timeouts, got 5"),
        ({"middleware": inngest.Middleware}, "middleware: expected a list of middleware classes, or factories"),
        ({"middleware": ["x"]}, "middleware: expected a list of middleware classes, or factories"),
    ],
)
def test_a_wrong_parameter_is_named(client: inngest.Inngest, values: dict[str, object], words: str) -> None:
    assert words in refused(client, **values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cancel", [inngest.Cancel(event="a")]),
        ("debounce", inngest.Debounce(period=1000)),
        ("idempotency", "event.data.id"),
        ("rate_limit", inngest.RateLimit(limit=1, period=1000)),
        ("priority", inngest.Priority(run="1")),
        ("singleton", inngest.Singleton(mode="skip")),
    ],
)
def test_a_batch_excludes_what_concerns_single_events(client: inngest.Inngest, field: str, value: object) -> None:
    message = refused(client, batch_events=inngest.Batch(max_size=2, timeout=1000), **{field: value})
    assert message == f"{field}: cannot be combined with batch_events"


def test_a_batch_has_no_time_to_start(client: inngest.Inngest) -> None:
    batch = inngest.Batch(max_size=2, timeout=1000)
    message = refused(client, batch_events=batch, timeouts=inngest.Timeouts(start=1000))
    assert message == "timeouts.start: cannot be combined with batch_events"
    kept = client.create_function(fn_id="f", trigger=EVENT, batch_events=batch, timeouts=inngest.Timeouts(finish=1000))
    assert kept(handler).options.batch_events is batch


def test_retries_over_twenty_are_clamped_with_a_warning_at_the_callers_line(client: inngest.Inngest) -> None:
    with pytest.warns(UserWarning, match=r'function "pay": retries=21 is over the limit, 20 are used') as caught:
        function = client.create_function(fn_id="pay", trigger=EVENT, retries=21)(handler)
    assert function.options.retries == 20
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("given", "kept"), [(None, 4), (0, 0), (20, 20)])
def test_retries_are_four_by_default(client: inngest.Inngest, given: int | None, kept: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client.create_function(fn_id="pay", trigger=EVENT, retries=given)(handler).options.retries == kept


def test_a_function_knows_itself(client: inngest.Inngest) -> None:
    async def on_failure(ctx: inngest.Context) -> None: ...

    function = client.create_function(fn_id="pay", trigger=EVENT, on_failure=on_failure)(handler)
    assert (function.id, function.get_id(), function.local_id) == ("shop-pay", "shop-pay", "pay")
    assert (function.name, function.on_failure_fn_id) == ("pay", "shop-pay-failure")
    assert (function.is_handler_async, function.is_on_failure_handler_async) == (True, True)
    assert client.functions == [function]

    plain = client.create_function(fn_id="ship", trigger=[EVENT], name="Ship it")(plain_handler)
    assert (plain.name, plain.on_failure_fn_id) == ("Ship it", None)
    assert (plain.is_handler_async, plain.is_on_failure_handler_async) == (False, None)


def test_on_failure_is_of_the_same_kind(client: inngest.Inngest) -> None:
    with pytest.raises(
        FunctionConfigInvalidError, match=r'"pay": an async function cannot have a non-async on_failure'
    ):
        client.create_function(fn_id="pay", trigger=EVENT, on_failure=plain_handler)(handler)
    with pytest.raises(
        FunctionConfigInvalidError, match=r'"pay": a non-async function cannot have an async on_failure'
    ):
        client.create_function(fn_id="pay", trigger=EVENT, on_failure=handler)(plain_handler)
    assert client.functions == []


class AsyncObject:
    async def __call__(self, ctx: inngest.Context) -> None: ...


def generator(ctx: inngest.Context) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, 'handler: function "pay": expected a function, got 5'),
        (AsyncObject, 'handler: function "pay": expected a function, got <class'),
        (generator, 'handler: function "pay": a generator cannot be a durable function'),
        (AsyncObject(), 'handler: function "pay": an object with an async __call__ is not seen to be async'),
    ],
)
def test_a_handler_is_a_function(client: inngest.Inngest, given: Callable[..., None], words: str) -> None:
    with pytest.raises(FunctionConfigInvalidError) as raised:
        client.create_function(fn_id="pay", trigger=EVENT)(given)
    assert words in raised.value.message


async def of_the_wrong_context(ctx: inngest.ContextSync) -> None: ...


def of_two(ctx: inngest.ContextSync, more: int) -> None: ...


async def of_step(ctx: Any, step: Any) -> None: ...


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            of_two,
            'function "pay": expected a function of one argument, the context, got (ctx, more)',
        ),
        (lambda: None, 'handler: function "pay": expected a function of one argument, the context, got ()'),
        (of_step, "got (ctx, step): steps are called as ctx.step"),
        (of_the_wrong_context, "an async function is called with inngest.Context, not ContextSync"),
    ],
)
def test_a_handler_takes_the_context_of_its_kind(client: inngest.Inngest, given: Any, words: str) -> None:
    with pytest.raises(FunctionConfigInvalidError) as raised:
        client.create_function(fn_id="pay", trigger=EVENT)(given)
    assert words in raised.value.message


def test_a_handler_may_take_more_than_it_is_given(client: inngest.Inngest) -> None:
    async def with_default(ctx: inngest.Context, more: int = 5) -> None: ...

    def any_number(*args: object, **kwargs: object) -> None: ...

    client.create_function(fn_id="pay", trigger=EVENT)(with_default)
    client.create_function(fn_id="ship", trigger=EVENT)(any_number)


def test_a_function_cannot_be_made_of_a_function(client: inngest.Inngest) -> None:
    made = client.create_function(fn_id="pay", trigger=EVENT)(handler)
    with pytest.raises(FunctionConfigInvalidError, match='got the function "shop-pay" made of one'):
        client.create_function(fn_id="again", trigger=EVENT)(made)  # type: ignore[call-overload]  # pyright: ignore


def test_methods_and_partials_are_handlers(client: inngest.Inngest) -> None:
    class Shop:
        async def pay(self, ctx: inngest.Context) -> int:
            return 5

    async def ship(where: str, ctx: inngest.Context) -> None: ...

    assert client.create_function(fn_id="pay", trigger=EVENT)(Shop().pay).is_handler_async
    assert client.create_function(fn_id="ship", trigger=EVENT)(functools.partial(ship, "home")).is_handler_async


def test_functions_of_one_id_may_stand_beside_each_other(client: inngest.Inngest) -> None:
    async def first(ctx: inngest.Context) -> None: ...

    def second(ctx: inngest.ContextSync) -> None: ...

    made = [client.create_function(fn_id="pay", trigger=EVENT)(first)]
    made.append(client.create_function(fn_id="pay", trigger=EVENT)(functools.partial(second)))
    assert client.functions == made


def test_a_loop_that_makes_one_id_twice_is_no_reload(client: inngest.Inngest) -> None:
    def make() -> None:
        async def again(ctx: inngest.Context) -> None: ...

        client.create_function(fn_id="pay", trigger=EVENT)(again)

    make()
    make()
    assert len(client.functions) == 2


MODULE = """
import inngest

@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="a"), retries=RETRIES)
async def pay(ctx: inngest.Context) -> None: ...
"""


def load(client: inngest.Inngest, filename: str, retries: int, name: str) -> None:
    module = types.ModuleType(name)
    vars(module).update(client=client, RETRIES=retries)
    exec(compile(MODULE, filename, "exec"), vars(module))


def test_a_module_that_is_loaded_again_replaces_its_functions(client: inngest.Inngest) -> None:
    load(client, "/app/shop.py", 1, "shop")
    load(client, "/app/shop.py", 2, "shop")
    assert [function.options.retries for function in client.functions] == [2]
    load(client, "/app/other.py", 3, "other")
    assert [function.options.retries for function in client.functions] == [2, 3]


def test_a_cell_of_a_notebook_that_is_run_again_replaces_its_functions(
    client: inngest.Inngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "__main__", types.ModuleType("__main__"))
    load(client, "<cell 1>", 1, "__main__")
    load(client, "<cell 2>", 2, "__main__")
    assert [function.options.retries for function in client.functions] == [2]
