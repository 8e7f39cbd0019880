"""Mistakes with middleware, serializers and errors that a checker sees."""

# pyright: standard

from __future__ import annotations

from typing import Any

import inngest
import inngest.errors


class NotAsync(inngest.Middleware):
    def before_execution(self) -> None: ...  # E: mypy[override] pyright[reportIncompatibleMethodOverride]


class NotPlain(inngest.MiddlewareSync):
    async def before_execution(self) -> None: ...  # E: mypy[override] pyright[reportIncompatibleMethodOverride]


class OtherArguments(inngest.Middleware):
    async def transform_output(self, result: str) -> None: ...  # E: mypy[override] pyright[reportIncompatibleMethodOverride]

    async def transform_input(self, ctx: inngest.Context) -> None: ...  # E: mypy[override] pyright[reportIncompatibleMethodOverride]

    async def before_send_events(self, events: inngest.Event) -> None: ...  # E: mypy[override] pyright[reportIncompatibleMethodOverride]


class Half:
    def serialize(self, obj: object, typ: object) -> object:
        return obj


inngest.Inngest(app_id="a", serializer=Half())  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Inngest(app_id="a", middleware=[Half])  # E: mypy[list-item] pyright[reportArgumentType]
inngest.Inngest(app_id="a", middleware=inngest.Middleware)  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Inngest(app_id="a").add_middleware(inngest.Middleware(5, None))  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.PydanticSerializer(restores=True)  # E: mypy[call-arg] pyright[reportCallIssue]


async def looks(ctx: inngest.Context, steps: inngest.StepMemos, result: inngest.TransformOutputResult) -> Any:
    steps["a"]  # E: mypy[index] pyright[reportIndexIssue]
    for memo in steps:  # E: mypy[attr-defined] pyright[reportGeneralTypeIssues]
        memo.data = 1
    result.output.upper()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    result.step.id  # E: mypy[union-attr] pyright[reportOptionalMemberAccess]
    ctx.step = 5  # E: mypy[assignment] pyright[reportAttributeAccessIssue]
    ctx.event.data["a"].upper()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    ctx.event.data["a"] = 1  # E: mypy[index] pyright[reportIndexIssue]
    inngest.errors.RunFailed  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
