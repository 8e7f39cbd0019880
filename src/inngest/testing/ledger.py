"""The ledger of a test: what functions did to the world outside, how often, and whether a repeat would do it again."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar, cast, overload

from inngest.embedded.errors import EngineConfigError
from inngest.sdk.context import facts_here
from inngest.sdk.work import is_awaitable

from .errors import EffectError
from .life import place_of_caller
from .moments import short

P = ParamSpec("P")
T = TypeVar("T")

__tracebackhide__ = True  # pytest shows the line of the test alone


class Effect(NamedTuple):
    """One line of a ledger: something that was done to the world outside."""

    what: str
    data: Mapping[str, object]
    key: str | None  # by which the other side knows a repeat; None: it does not
    function_id: str | None  # `app-function`; None: the test did it, or other code that is in no function
    run_id: str | None  # ULID; None likewise
    step: str | None  # the id of the step whose handler did it; None: the code between steps did
    attempt: int  # of the step, or of the body, from 0
    place: str  # `file.py:21`; "" if it is not known


class Ledger:
    """The effects of a test: what its functions did to the world outside, written down by the test's own fakes.

    ```python
    with inngest.testing.Ledger() as ledger:
        engine.stub(pay, "charge", calls=ledger.effect(charge))
        await engine.invoke(pay, data={"order": 42})
        ledger.expect("charge", 1, order=42)
    ```

    At the end of the block, and of each test that has the fixture `inngest_ledger`, it is judged: see `check`.

    Attributes:
        effects: its lines, in order.
    """

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.check()

    # -- what happens

    def note(self, what: str, /, *, key: str | None = None, **data: object) -> None:
        """Write down that something was done to the world outside. From any thread.

        Args:
            what: such as "charge".
            key: by which the other side knows a repeat, and does it once: lines of one `what` and key count once.
            data: about it.

        Raises:
            EngineConfigError: `what` or `key` is no text, or empty.
        """
        self._add(what, key, data, place_of_caller())

    @overload
    def effect(self, function: Callable[P, T], /) -> Callable[P, T]: ...

    @overload
    def effect(self, /, *, key: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]: ...

    def effect(self, function: Callable[..., Any] | None = None, /, *, key: str | None = None) -> Callable[..., Any]:
        """Write down each call of a function that returns, by the function's name and arguments. A decorator.

        Args:
            function: what is called; async too.
            key: the name of its parameter that has the key.

        Raises:
            EngineConfigError: the function has no such parameter.
        """
        if function is None:
            return lambda decorated: self._around(decorated, key)
        return self._around(function, key)

    def http(self, transport: Any) -> Any:
        """A transport of httpx that writes down the requests that change something, and lets another one answer.

        Those are POST, PUT, PATCH and DELETE, by method and URL. The header `Idempotency-Key` is the key; a PUT or
        DELETE without it is its own, since HTTP says that it does the same as often as it comes.

        Args:
            transport: answers, such as `httpx.MockTransport(…)`; what it raises leaves no line.

        Returns:
            A `httpx.BaseTransport` that is a `httpx.AsyncBaseTransport` too.
        """
        from .noted_transport import NotedTransport  # noqa: PLC0415 - who has no such client loads no httpx

        return NotedTransport(transport, lambda what, key, data: self._add(what, key, data, ""))

    # -- what is asked

    def of(self, what: str, /, **data: object) -> list[Effect]:
        """The lines of this name whose data have these members; of lines with one key the first."""
        found = [one for one in self.effects if one.what == what and data.items() <= one.data.items()]
        first: dict[object, Effect] = {}
        for number, one in enumerate(found):
            first.setdefault(number if one.key is None else one.key, one)
        return list(first.values())

    def expect(self, what: str, times: int = 1, /, **data: object) -> Self:
        """It has happened so often, with these data; lines of one key count once.

        Raises:
            EffectError: it has not; the text has its lines.
        """
        found = self.of(what, **data)
        if len(found) != times:
            wanted = f'"{what}"{f" {_shown(data)}" if data else ""}'
            lines = [f"  {_line(one)}" for one in (found or self.effects)] or ["  nothing is written down"]
            told = "" if found or not self.effects else "; what has:"
            raise EffectError("\n".join((f"{wanted} has happened {len(found)} times, expected {times}{told}", *lines)))
        return self

    def check(self) -> None:
        """Judge it: whether something would be done again when code runs again, as it may after any failure or crash.

        - An effect of the code between steps is done again whenever the function is entered again.
        - An effect that two attempts of one step have is done twice, unless both have one key.

        Lines that the test itself has written down are not judged.

        Raises:
            EffectError: the text says which effects, where, and how to mend each.
        """
        faults = [*self._between_steps(), *self._repeated()]
        if faults:
            raise EffectError("\n".join(("effects would happen more than once", *faults)))

    # -- the rest

    def _add(self, what: str, key: str | None, data: Mapping[str, object], place: str) -> None:
        for name, value in (("what", what), ("key", key)):
            if (name == "what" or value is not None) and (not isinstance(value, str) or not value):
                raise EngineConfigError(f"{name}: expected a text, got {value!r}")
        facts = cast("Mapping[str, Any]", facts_here())
        function_id, run_id, step, attempt = (facts.get(one) for one in ("function_id", "run_id", "step", "attempt"))
        self.effects.append(Effect(what, data, key, function_id, run_id, step, attempt or 0, place))

    def _around(self, function: Callable[..., Any], key: str | None) -> Callable[..., Any]:
        signature, name = inspect.signature(function), getattr(function, "__name__", type(function).__name__)
        place = _place_of(function)
        if key is not None and key not in signature.parameters:
            raise EngineConfigError(f"key: expected the name of a parameter of {name}{signature}, got {key!r}")

        def note(args: Any, more: Any) -> None:
            bound = signature.bind(*args, **more)
            bound.apply_defaults()
            data = dict(bound.arguments)
            self._add(name, None if key is None else data.pop(key), data, place)

        @functools.wraps(function)
        def called(*args: Any, **more: Any) -> Any:
            value = function(*args, **more)
            if is_awaitable(value):
                return awaited(value, args, more)
            note(args, more)
            return value

        async def awaited(value: Any, args: Any, more: Any) -> Any:
            found = await value
            note(args, more)
            return found

        return called

    def _between_steps(self) -> Iterator[str]:
        told: set[str] = set()
        for one in self.effects:
            if one.run_id is not None and one.step is None and (line := _line(one)) not in told:
                told.add(line)
                yield f"  {line}"
                yield f'    mend  put it into a step: ctx.step.run("{one.what}", …)'

    def _repeated(self) -> Iterator[str]:
        groups: dict[tuple[object, ...], list[Effect]] = {}
        for one in self.effects:
            if one.step is not None:
                groups.setdefault((one.run_id, one.step, one.what, _shown(one.data)), []).append(one)
        for group in groups.values():
            attempts = sorted({one.attempt for one in group})
            keys = [{one.key for one in group if one.attempt == number} for number in attempts]
            if len(attempts) == 1 or (None not in keys[0] and all(one == keys[0] for one in keys)):
                continue
            first, numbers = group[0], " and ".join(map(str, attempts))
            changes = all(one.key is not None for one in group)
            yield f"  {_line(first)}, by attempts {numbers}{', each with another key' if changes else ''}"
            yield "    mend  give the other side a key that stays, key=inngest.current_step().key; or"
            yield '          do not try it again, ctx.step.options(retries=0, on_crash="fail")'


def _place_of(function: Callable[..., Any]) -> str:
    """The line on which a function is written; "" of an object that is called."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _line(one: Effect) -> str:
    if one.function_id is None:
        where = "in no function"
    elif one.step is None:
        where = f"in no step of {one.function_id}"
    else:
        where = f'in step "{one.step}" of {one.function_id}'
    return f'"{one.what}" {_shown(one.data)} {where}{f" ({one.place})" if one.place else ""}'


def _shown(data: Mapping[str, object]) -> str:
    return short(json.dumps(data, default=repr, ensure_ascii=False, sort_keys=True))
