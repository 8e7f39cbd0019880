"""Tests of durable functions: the real engine, with its database in memory and a clock that only the test moves."""

from __future__ import annotations

from .answers import OnWait, Waiting
from .blocks import Block
from .calling import Called, call, call_sync
from .cases import AsyncTestCase, EngineMixin, TestCase
from .engine import Engine
from .errors import (
    BusyError,
    EffectError,
    EndlessError,
    KitError,
    NotReachedError,
    RunAssertionError,
    StubFailure,
    UnstubbedRequestError,
    UnstubbedStepError,
    UnusedStubError,
)
from .expect import Expect
from .http_stubs import HttpCall, HttpStub, HttpStubs
from .ledger import Effect, Ledger
from .logs import LogLine
from .model_stubs import ModelStubs
from .points import Point, at
from .runs import Run, Runs
from .stubs import Stub, StubCall
from .verbs import Idle

__all__ = [
    "AsyncTestCase",
    "Block",
    "BusyError",
    "Called",
    "Effect",
    "EffectError",
    "EndlessError",
    "Engine",
    "EngineMixin",
    "Expect",
    "HttpCall",
    "HttpStub",
    "HttpStubs",
    "Idle",
    "KitError",
    "Ledger",
    "LogLine",
    "ModelStubs",
    "NotReachedError",
    "OnWait",
    "Point",
    "Run",
    "RunAssertionError",
    "Runs",
    "Stub",
    "StubCall",
    "StubFailure",
    "TestCase",
    "UnstubbedRequestError",
    "UnstubbedStepError",
    "UnusedStubError",
    "Waiting",
    "at",
    "call",
    "call_sync",
]
