"""Middleware, serializers and errors of a developer's own."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, assert_type

import inngest
import inngest.errors


class Notes(inngest.Middleware):
    def __init__(self, client: inngest.Inngest, raw_request: object) -> None:
        super().__init__(client, raw_request)
        self.noted: list[str] = []

    async def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
    ) -> None:
        self.noted.append(function.id)
        self.noted.append(self.client.app_id)
        ctx.event.data = {**ctx.event.data, "seen": True}
        for memo in steps.values():
            assert_type(memo.data, object)
            assert_type(memo.error, inngest.errors.ErrorInfo | None)
            memo.data = {"wrapped": memo.data}
        assert_type(steps.size, int)

    async def before_execution(self) -> None:
        await self.client.send(inngest.Event(name="a"))

    async def after_execution(self) -> None: ...

    async def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.has_output() and result.step is not None:
            assert_type(result.step.id, str)
            result.output = [result.output]
        assert_type(result.error, Exception | None)

    async def before_response(self) -> None: ...

    async def before_send_events(self, events: list[inngest.Event]) -> None:
        events.append(inngest.Event(name="b"))

    async def after_send_events(self, result: inngest.SendEventsResult) -> None:
        assert_type(result.ids, list[str])
        assert_type(result.error, str | None)


class Plain(inngest.MiddlewareSync):
    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        result.output = None


class WithOptions(inngest.MiddlewareSync):
    def __init__(self, client: Any, raw_request: object, *, secret: str) -> None:
        super().__init__(client, raw_request)

    @classmethod
    def factory(cls, secret: str) -> Callable[[inngest.Inngest, object], WithOptions]:
        return lambda client, raw_request: cls(client, raw_request, secret=secret)


class Hex:
    def serialize(self, obj: object, typ: object) -> object:
        return obj

    def deserialize(self, obj: object, typ: object) -> object:
        return obj


client = inngest.Inngest(app_id="a", middleware=[Notes, Plain, WithOptions.factory("x")], serializer=Hex())
client.add_middleware(Notes)
client.add_middleware(WithOptions.factory("y"))


@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="a"), middleware=[Plain])
async def function(ctx: inngest.Context) -> None:
    try:
        await ctx.step.run("a", lambda: 1)
    except inngest.StepError as error:
        assert_type(error.message, str)
        assert_type(error.name, str)
        assert_type(error.stack, str | None)


class Refused(inngest.NonRetriableError): ...


def raising(which: int) -> None:
    if which == 0:
        raise Refused("no", quiet=True)
    if which == 1:
        raise inngest.RetryAfterError("later", 1_000)
    if which == 2:
        raise inngest.RetryAfterError(None, datetime.timedelta(hours=1), quiet=True)
    error = inngest.RetryAfterError("later", datetime.datetime.now(datetime.UTC))
    assert_type(error.retry_after, datetime.datetime)


async def waiting(engine: inngest.Engine) -> None:
    try:
        await engine.invoke(function)
    except inngest.errors.RunFailedError as error:
        assert_type(error.run_id, str)
        assert_type(error.error.message, str)
    except inngest.errors.SendEventsError as error:
        assert_type(error.ids, list[str])


data: inngest.JSON = {"a": [1, 2.5, None, {"b": True}]}
mapping: Mapping[str, inngest.JSON] = {"a": data}
