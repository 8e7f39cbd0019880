"""Bodies of calls. The texts of a run's events and memos are kept while it is owned: each call joins them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from inngest.engine.domain.remote import RemoteStep
from inngest.protocol import headers, traces
from inngest.protocol.calls import Call
from inngest.protocol.opcodes import Memo
from inngest.protocol.wire import calls, signing

from .ports import Conversation, RemoteCall


class Bodies:
    """Makes the calls of one run.

    Args:
        call: with which it was claimed: its events.
        run: tells what has become of it since.
        signing_key: which calls are signed with; "" if none are.
    """

    def __init__(self, call: Call, run: Conversation, signing_key: str = "") -> None:
        self._call = call
        self._run = run
        self._key = signing_key
        self._headers = headers.of_run(run.run_id, call.trace or traces.carried(run.run_id, call.events[0].extra))
        self._events = [calls.event_text(event) for event in call.events]
        self._memos = _Texts(calls.memo_text)
        self._canonical = _Texts(lambda memo: calls.canonical_member(calls.memo_text(memo)))
        self._canonical_events: list[str] = []  # of as many as a call has held

    def of(self, step: RemoteStep, request_id: str, now: int) -> RemoteCall:
        """A call.

        Args:
            step: what it is for.
            request_id: ULID of this call alone.
            now: unix ms, for its signature.
        """
        run, function = self._run, self._run.function
        memos = run.memos
        head = calls.Head(
            run_id=run.run_id,
            function_uuid=function.uuid,
            attempt=step.attempt,
            max_attempts=self._call.max_attempts or 1,
            request_id=request_id,
            generation=run.generation,
            target=step.target,
            plan=step.plan,
            stack=[memo.step.hash for memo in memos],
            version=run.version,
            defers=run.defers,
            follows=self._call.follows,
            holds=self._call.holds,
            probes=self._call.probes,
            patches=tuple(self._call.patches),
            threaded=self._call.threaded,
        )
        inputs = self._inputs({memo.step.hash for memo in memos}) if self._call.inputs else []
        if inputs:  # the SDK for TypeScript takes them for results while it records steps by checkpoints
            head = head._replace(checkpoints=False)
        texts = [*self._memos.of(memos), *inputs]
        left_out = calls.left_out(self._events, texts)
        body = calls.encode(head, self._events, texts, left_out=left_out)
        signature = self._signature(head, memos, inputs, left_out, body, now) if self._key else ""
        url = calls.address(function.url, function.id, step.target)
        return RemoteCall(url, calls.headers(head, signature, self._headers), body, run.run_id, function.app_id)

    def _inputs(self, finished: Collection[str]) -> list[str]:
        """The replaced arguments of steps that are not finished."""
        given = self._call.inputs.items()
        return [calls.input_text(hashed, text) for hashed, text in given if hashed not in finished]

    def _signature(
        self, head: calls.Head, memos: Collection[Memo], inputs: Iterable[str], left_out: bool, body: bytes, now: int
    ) -> str:
        """The signature over the canonical form of a body; over the body itself if it has none."""
        try:
            held = self._events[:1] if left_out else self._events
            self._canonical_events += map(signing.canonical_text, held[len(self._canonical_events) :])
            texts = [] if left_out else [*self._canonical.of(memos), *map(calls.canonical_member, inputs)]
            body = calls.encode(head, self._canonical_events, texts, left_out=left_out)
        except ValueError:  # a number that no double can hold: who checks it cannot know it either
            pass
        return signing.sign(body, self._key, now)


class _Texts:
    """The texts of memos, each made once."""

    def __init__(self, write: Callable[[Memo], str]) -> None:
        self._write = write
        self._made: dict[str, tuple[Memo, str]] = {}  # by hash

    def of(self, memos: Collection[Memo]) -> list[str]:
        """Those of these memos."""
        found: list[str] = []
        for memo in memos:
            made = self._made.get(memo.step.hash)
            if made is None or made[0] is not memo:
                made = self._made[memo.step.hash] = (memo, self._write(memo))
            found.append(made[1])
        return found
