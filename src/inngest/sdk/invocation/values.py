"""How values leave user code and come back: serializer, middleware, JSON; the same the first time as on replay.

Out: handler, `serialize`, `transform_output`, JSON. Back: JSON, `transform_input`, `deserialize`, code.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inngest.protocol import codec, limits, ulids
from inngest.protocol.calls import Call, Completed, Failed
from inngest.protocol.errors import Error, OutputTooLargeError, OutputUnserializableError
from inngest.protocol.opcodes import Memo, Op, Opcode, SentEvent
from inngest.protocol.steps import StepName
from inngest.protocol.traces import trace_of
from inngest.runtime.careful import CarefulLogger, about_run
from inngest.runtime.ports import Clock
from inngest.runtime.raised import class_name_of, ends_the_task, message_of, original_of
from inngest.sdk.context import Context, ContextSync
from inngest.sdk.errors import AsyncUnsupportedError, DeterminismError, StepError
from inngest.sdk.events import Event, SendEventsResult, copies_of, from_data, message_text, to_sent
from inngest.sdk.function import Function
from inngest.sdk.middleware import Hooks, StepMemo, StepMemos, TransformOutputResult, TransformOutputStepInfo
from inngest.sdk.serializers import PydanticSerializer, Unset, advice, name_of
from inngest.sdk.steps.calls import RunRequest
from inngest.sdk.steps.current import RUNNING, CurrentStep
from inngest.sdk.steps.options import DEFAULT, StepOptions
from inngest.sdk.work import Work, called

from . import error_records


class Values:
    """The values of one invocation."""

    def __init__(self, function: Function[object], hooks: Hooks, clock: Clock, call: Call) -> None:
        self._function = function
        self._hooks = hooks
        self._clock = clock
        self._call = call
        self._memos: Mapping[str, StepMemo] = {}
        self.context: Context | ContextSync

    def close(self) -> None:
        """Nothing passes any more."""
        del self.context

    def begin(self) -> Work[None]:
        """Before anything else: all memos and the context pass `transform_input`."""
        if not self._hooks.any:
            return
        loaded = {memo.step.hash: self.load_plain(memo) for memo in self._call.memos}
        memos = StepMemos(loaded)
        yield from self._hooks.call("transform_input", self.context, self._function, memos)
        self._memos = {key: value for key in loaded if (value := memos.pop(key)) is not None}

    def attempt(self, running: CurrentStep, step: StepName, request: RunRequest) -> Work[Op]:
        """Run a handler once; the report of how it went."""
        started_at, output_type, options = self._clock.now(), request.kept_as, request.options
        if output_type is not Unset and (unfit := self._unfit(step, output_type)) is not None:
            return (yield from self._failure(step, running.attempt, started_at, unfit, options))
        token: contextvars.Token[CurrentStep | None] | None = RUNNING.set(running)
        value: object = None
        error: BaseException | None = None
        running.begin(started_at)
        try:
            value = yield request.handle
        except GeneratorExit:  # of garbage, in whatever context that is collected
            token = None
            raise
        except (Exception, asyncio.CancelledError) as raised:
            error = _error_of(running, request.judged(raised))
        finally:
            running.end()
            if running.timeout is not None:
                running.timed_out()
            if token is not None:
                RUNNING.reset(token)
        error = running.nested or error
        if error is not None:
            return (yield from self._failure(step, running.attempt, started_at, error, options))
        if running.abandoned or (running.timeout is not None and running.overdue):
            self._tell_late(running)
        return (yield from self._success(step, running.attempt, started_at, value, output_type, options))

    async def attempt_here(
        self, running: CurrentStep, step: StepName, request: RunRequest, task: asyncio.Task[object] | None
    ) -> Op:
        """`attempt` on the loop, where no middleware sees it: one coroutine, with no generator in between."""
        started_at, output_type, options = self._clock.now(), request.kept_as, request.options
        if output_type is not Unset and (unfit := self._unfit(step, output_type)) is not None:
            return self._failed(step, running.attempt, started_at, unfit, options)
        token: contextvars.Token[CurrentStep | None] | None = RUNNING.set(running)
        value: object = None
        error: BaseException | None = None
        running.begin(started_at)
        try:
            value = await called(request.handler, request.args, task)
        except GeneratorExit:
            token = None
            raise
        except (Exception, asyncio.CancelledError) as raised:
            error = _error_of(running, request.judged(raised))
        finally:
            running.end()
            if running.timeout is not None:
                running.timed_out()
            if token is not None:
                RUNNING.reset(token)
        error = running.nested or error
        if error is not None:
            return self._failed(step, running.attempt, started_at, error, options)
        if running.abandoned or (running.timeout is not None and running.overdue):
            self._tell_late(running)
        try:
            if output_type is not Unset:
                value = self._serialize(value, output_type)
            return self._recorded(step, running.attempt, started_at, value)
        except codec.NotJsonError as not_json:
            return self._unrecorded(step, running.attempt, started_at, not_json, output_type)

    def refusal(self, step: StepName, number: int, error: BaseException, options: StepOptions) -> Work[Op]:
        """The report of an attempt that fails by what is not its handler's doing."""
        return (yield from self._failure(step, number, self._clock.now(), error, options))

    def _tell_late(self, running: CurrentStep) -> None:
        """A result that comes after the request to stop is a result: what the handler did has happened."""
        logger, name = CarefulLogger(self._function.client.logger), self._function.id
        facts = about_run(self._call.run_id, name, running.id, running.attempt, trace_of(self._call))
        if running.overdue:
            logger.warning(
                'step "%s" of %s ended after its timeout of %s ms, and succeeded: its handler did not see, or not '
                "follow, the request to stop (%s)",
                running.id,
                name,
                running.timeout,
                "look at inngest.current_step() in a plain handler",
                extra=facts,
            )
        if running.abandoned:
            told = 'step "%s" of %s succeeded after its run was taken from it'
            logger.warning(told, running.id, name, extra=facts)

    def sending(
        self,
        step: StepName,
        number: int,
        events: Sequence[Event],
        deliver: Callable[[list[SentEvent]], Work[list[str]]] | None = None,
    ) -> Work[Op]:
        """Prepare events that a step sends; their ids derive from run and step.

        Args:
            step: its name.
            number: of the attempt.
            events: what it sends.
            deliver: sends them, and gives the ids that they got; None: they are stored with the record of the step.
        """
        started_at = self._clock.now()
        batch = copies_of(events) if self._hooks.any else list(events)
        yield from self._hooks.call("before_send_events", batch)
        try:
            sent = to_sent(batch, self._function.client.serializer)
        except Exception as error:
            return (yield from self._failure(step, number, started_at, error))
        sent = [
            event._replace(id=ulids.derive(self._call.run_id, step.hash, index)) for index, event in enumerate(sent)
        ]
        if deliver is not None:
            try:
                ids = yield from deliver(sent)
            except Error as error:
                return (yield from self._failure(step, number, started_at, error))
            return (yield from self._success(step, number, started_at, ids, Unset))
        op = yield from self._success(step, number, started_at, [event.id for event in sent], Unset)
        return op._replace(events=tuple(sent)) if op.op is Opcode.STEP_RUN else op

    def waiting(self, op: Op) -> Work[Op]:
        """The target of a step that is about to wait, past `transform_output`, which may rewrite the data of an
        invocation.
        """
        opts = _opts_of(op)
        info = TransformOutputStepInfo(op.step.text, op.kind, opts)
        yield from self._hooks.call("transform_output", TransformOutputResult(output=None, step=info))
        if op.kind is not Opcode.INVOKE or op.target is None:
            return op
        data = message_text(opts["payload"]["data"], self._function.client.serializer)
        return op._replace(target=op.target._replace(data=data))

    def sent(self, result: SendEventsResult) -> Work[None]:
        """After events were stored, or refused."""
        yield from self._hooks.call("after_send_events", result)

    def load(self, memo: Memo, fresh: bool) -> Work[StepMemo]:
        """A memo, past `transform_input`; `fresh` if it was recorded in this invocation."""
        loaded = self._memos.get(memo.step.hash)
        if loaded is not None:
            return loaded
        loaded = self.load_plain(memo)
        if not (fresh and self._hooks.any):
            return loaded
        memos = StepMemos({memo.step.hash: loaded})
        yield from self._hooks.call("transform_input", self._fresh_context(), self._function, memos)
        return memos.pop(memo.step.hash) or loaded

    def load_plain(self, memo: Memo) -> StepMemo:
        """A memo, without middleware."""
        return StepMemo(None if memo.data is None else codec.loads(memo.data), memo.error, memo.step.text)

    def open_plain(self, memo: Memo, output_type: object, kind: Opcode) -> object:
        """The value of a memo that no middleware sees, for a call of a kind. Raises what `open` raises."""
        if memo.error is None and output_type is Unset:
            return None if memo.data is None else codec.loads(memo.data)
        return self.open(self.load_plain(memo), output_type, memo.kind or kind)

    def open(self, memo: StepMemo, output_type: object, kind: Opcode) -> object:
        """The value that user code gets of a memo.

        Raises:
            StepError: the step failed.
            DeterminismError: the value is not of the type that the code asks for now.
        """
        if memo.error is not None:
            raise StepError.of_handler(memo.error) if kind is Opcode.STEP_RUN else StepError.from_info(memo.error)
        serializer = self._function.client.serializer
        if serializer is None or output_type is Unset:
            return memo.data
        try:
            return serializer.deserialize(memo.data, output_type)
        except BaseException as error:
            if ends_the_task(error):
                raise
            raise DeterminismError(
                f'the recorded value of step "{memo.step}" is not of the type {name_of(output_type)}, which the code '
                f"asks for now: {class_name_of(error)}: {message_of(error)}"
            ) from error

    def _fresh_context(self) -> Context | ContextSync:
        """The context as it was before any middleware.

        On a replay `transform_input` sees each event once; handed the same context again, a middleware that changes
        events would change them as often as steps are recorded, and the code would not see the same twice.
        """
        events = [from_data(event) for event in self._call.events]
        return dataclasses.replace(self.context, event=events[0], events=events)

    def returned(self, value: object) -> Work[Completed | Failed]:
        """The outcome of a function that returned."""
        where = f"function {self._call.function_id}"
        if inspect.isawaitable(value):
            return error_records.body_failure(_not_awaited(where, value))
        try:
            kept_as = self._function.result_type(self._call.function_id)
        except TypeError as error:
            return error_records.body_failure(OutputUnserializableError(f"{where}: {error}"))
        try:
            value = self._serialize(value, kept_as)
            result = TransformOutputResult(output=value)
            yield from self._hooks.call("transform_output", result)
            text = codec.dumps(result.output if result.has_output() else None)
        except codec.NotJsonError as error:
            return error_records.body_failure(self._unserializable(where, error, kept_as))
        if (size := codec.size(text)) > limits.MAX_RUN_OUTPUT:
            return error_records.body_failure(_too_large(where, size, limits.MAX_RUN_OUTPUT))
        return Completed(text)

    def raised(self, error: BaseException) -> Work[Failed]:
        """The outcome of a function that raised."""
        if isinstance(error, Exception) and original_of(error) is error:
            yield from self._hooks.call("transform_output", TransformOutputResult(error=error))
        return error_records.body_failure(error)

    def _success(
        self,
        step: StepName,
        number: int,
        started_at: int,
        value: object,
        output_type: object,
        options: StepOptions = DEFAULT,
    ) -> Work[Op]:
        try:
            if output_type is not Unset:
                value = self._serialize(value, output_type)
            if self._hooks.any:
                info = TransformOutputStepInfo(step.text, Opcode.STEP_RUN, options.opts)
                result = TransformOutputResult(output=value, step=info)
                yield from self._hooks.call("transform_output", result)
                value = result.output if result.has_output() else None
            return self._recorded(step, number, started_at, value)
        except codec.NotJsonError as error:
            return self._unrecorded(step, number, started_at, error, output_type)

    def _unrecorded(
        self, step: StepName, number: int, started_at: int, error: codec.NotJsonError, output_type: object
    ) -> Op:
        unserializable = self._unserializable(f'"{step.text}"', error, output_type)
        return error_records.step_failure(step, number, started_at, unserializable)

    def _recorded(self, step: StepName, number: int, started_at: int, value: object) -> Op:
        """The report of a value. Raises NotJsonError."""
        text = codec.dumps(value)
        if len(text) * 4 > limits.MAX_STEP_OUTPUT and (size := codec.size(text)) > limits.MAX_STEP_OUTPUT:
            too_large = _too_large(f'step "{step.text}"', size, limits.MAX_STEP_OUTPUT)
            return error_records.step_failure(step, number, started_at, too_large)
        return Op(Opcode.STEP_RUN, step, attempt=number, started_at=started_at, data=text)

    def _facts(self, step: StepName, number: int) -> dict[str, object]:
        return about_run(self._call.run_id, self._function.id, step.text, number, trace_of(self._call))

    def _failure(
        self, step: StepName, number: int, started_at: int, error: BaseException, options: StepOptions = DEFAULT
    ) -> Work[Op]:
        op = self._failed(step, number, started_at, error, options)
        if self._hooks.any and isinstance(error, Exception):
            most = op.max_attempts or self._call.max_attempts
            final = op.op is Opcode.STEP_FAILED or (most is not None and number + 1 >= most)
            opcode = Opcode.STEP_FAILED if final else Opcode.STEP_ERROR
            info = TransformOutputStepInfo(step.text, opcode, options.opts)
            yield from self._hooks.call("transform_output", TransformOutputResult(error=error, step=info))
        return op

    def _failed(self, step: StepName, number: int, started_at: int, error: BaseException, options: StepOptions) -> Op:
        """The report of an error, which is logged."""
        where, facts = f'step "{step.text}" of {self._function.id}', self._facts(step, number)
        error_records.log(self._function.client.logger, where, error, facts)
        return error_records.step_failure(step, number, started_at, error, options)

    def _unfit(self, step: StepName, output_type: object) -> OutputUnserializableError | None:
        """Why nothing of a type can be kept. The handler is not run then: what it does would be lost."""
        serializer = self._function.client.serializer
        if isinstance(serializer, PydanticSerializer):
            try:
                serializer.check(output_type)
            except Exception as error:  # pydantic, or code of the user's in a schema
                what = f"what it returns could not be kept: {class_name_of(error)}: {message_of(error)}"
                return OutputUnserializableError(f'"{step.text}" was not run: {what}')
        return None

    def _unserializable(self, where: str, error: codec.NotJsonError, kept_as: object) -> OutputUnserializableError:
        hint = ""
        if kept_as is Unset and error.reason.endswith("is not JSON serializable"):
            hint = f". {advice(self._function.client.serializer)}"
        return OutputUnserializableError(f"{where} returned unserializable data: {error}{hint}")

    def _serialize(self, value: object, output_type: object) -> object:
        serializer = self._function.client.serializer
        if serializer is None or output_type is Unset:
            return value
        try:
            return serializer.serialize(value, output_type)
        except BaseException as error:
            if ends_the_task(error):
                raise
            raise codec.NotJsonError("$", f"{class_name_of(error)}: {message_of(error)}") from error


def _error_of(running: CurrentStep, raised: BaseException) -> BaseException:
    """The error that an attempt fails with. Raises the cancellation of a call that is given up."""
    if issubclass(type(raised), asyncio.CancelledError):
        if not running.timed_out():
            raise raised
        return running.timeout_error()
    error = original_of(raised)
    if type(error) is AsyncUnsupportedError:
        return AsyncUnsupportedError(f'step "{running.id}": {error.message}')
    return error


def _opts_of(op: Op) -> dict[str, Any]:
    """Middleware's view of a step that waits; times are ms. Credentials of requests are not told."""
    target = op.target
    if op.kind is Opcode.SLEEP:
        return {"duration": op.duration, "until": op.until}
    if op.kind is Opcode.INVOKE and target is not None:
        return {"function_id": target.name, "payload": {"data": codec.loads(target.data)}, "timeout": op.duration}
    if op.kind is Opcode.WAIT_FOR_EVENT and target is not None:
        return {"event": target.name, "if": target.expression, "timeout": op.duration}
    if op.kind is Opcode.WAIT_FOR_SIGNAL and target is not None:
        return {"signal": target.name, "timeout": op.duration}
    return {}


def _too_large(what: str, size: int, limit: int) -> OutputTooLargeError:
    return OutputTooLargeError(f"{what} returned {size:,} bytes of JSON; at most {limit:,} are allowed")


def _not_awaited(where: str, value: object) -> AsyncUnsupportedError:
    if inspect.iscoroutine(value):
        value.close()
    return AsyncUnsupportedError(
        f"{where} returned an awaitable ({type(value).__name__}), which nothing awaits: await it in an async function; "
        "a plain one has no use for it"
    )
