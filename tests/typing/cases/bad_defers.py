"""Mistakes with deferred functions that a checker sees.

A file of its own: a case is a file that the checkers read whole.
"""

# pyright: standard

from __future__ import annotations

import inngest


async def plain(ctx: inngest.Context) -> None: ...


async def body(ctx: inngest.Context) -> None:
    ctx.defer("a", function=plain)  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.defer("a", plain)  # E: mypy[arg-type, call-arg] pyright[reportCallIssue]
    ctx.defer("a")  # E: mypy[call-arg] pyright[reportCallIssue]
    ctx.defer("a", function="app-b", data=[1])  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.defer("a", function="app-b")  # E: mypy[misc] pyright[reportGeneralTypeIssues]


def body_sync(ctx: inngest.ContextSync) -> None:
    ctx.defer("a", function=7).abort()  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.defer("a", function="app-b").abort("a")  # E: mypy[call-arg] pyright[reportCallIssue]
