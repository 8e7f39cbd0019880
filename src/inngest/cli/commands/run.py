"""`inngest run`: one run with its steps, attempts, times and errors, or why it waits; for people or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from inngest.cli import arguments, json_shapes, lookup, output
from inngest.cli.run_text import STYLES, at, clock, left_until, local, milliseconds, one_line
from inngest.embedded.explanations import Explanation, Rule
from inngest.embedded.reader import Reader
from inngest.embedded.views import Attempt, DeferRecord, Run, RunStatus, Said, StepRecord, Usage
from inngest.engine.domain import erasing
from inngest.engine.domain.run_metadata import SCORE
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import WAITS, Opcode


def show_run(run_id: str, *, why: bool, database: str, as_json: bool) -> None:
    """Show one run with its steps, attempts, times and errors; or why it waits."""
    given = arguments.id_or_end("RUN", run_id)
    path = arguments.existing_database(database)
    reader = Reader(path)
    wanted = lookup.whole_id("RUN", given, reader)
    if why:  # also of one that cannot be read
        explained = lookup.there(lambda: reader.explain(wanted), wanted, reader)
        if as_json:
            output.print_json(json_shapes.explanation(explained))
        else:
            _show_why(explained, output.console(), reader.now())
        return
    found = lookup.existing_run(wanted, reader)
    executing, said = _executing(reader, found), reader.said(wanted)
    if as_json:
        output.print_json({**json_shapes.run_in_full(found, said), "executing": executing})
    else:
        _show(found, output.console(), executing is not None, _now(reader, found), said, reader.now())


def _executing(reader: Reader, found: Run) -> str | None:
    """The worker that executes it now. A step is recorded when it has ended: until then this is all that shows it."""
    if found.ended_at is not None:
        return None
    reasons = reader.explain(found.id).reasons
    return next((reason.text for reason in reasons if reason.rule is Rule.EXECUTING), None)


def _now(reader: Reader, found: Run) -> list[str]:
    """The state of a run now, and the rules that hold it: also that its worker is dead. Its steps have own lines."""
    if found.ended_at is not None:
        return []
    shown = {Rule.ON_HOLD, Rule.RETRY}
    reasons = reader.explain(found.id).reasons
    return [reason.text for reason in reasons if reason.step is None and reason.rule not in shown]


_GOES_ON = {
    Rule.ANSWERING: "It is called if nothing is heard of it until",
    Rule.ON_HOLD: "Entered again at",
    **dict.fromkeys((Rule.RETRY, Rule.REQUEST, Rule.UNREADABLE), "Again at"),
    **dict.fromkeys((Rule.DELAYED, Rule.THROTTLE), "Begins at"),
}


def _show_why(found: Explanation, console: Console, now: int) -> None:
    style = f"bold {STYLES[found.status]}"
    console.print(Text.assemble((found.status.value, style), f"  {found.function_id}  ", (found.run_id, "bold")))
    for reason in found.reasons:
        line = Text.assemble((f"  {reason.rule.value}  ", "bold"), output.in_local_time(reason.text))
        if reason.until is not None:
            line.append(f" {_GOES_ON.get(reason.rule, 'Until')} {at(reason.until, now)}.", "dim")
        console.print(line)


def _show(run: Run, console: Console, executes: bool, state: Sequence[str], said: Sequence[Said], now: int) -> None:
    style = f"bold {STYLES[run.status]}"
    head = Text.assemble((run.status.value, style), f"  {run.function_id}  ", (run.id, "bold"))
    console.print(head)
    for name, fact in _facts(run):
        console.print(Text.assemble((f"{name:<8}", "dim"), fact))
    for text in run.unreadable:
        console.print(Text.assemble(("unread  ", "dim"), (f"It cannot be read: {text}", "red")))
    if run.hold is not None:
        console.print(Text.assemble(("on hold ", "dim"), (run.hold.text, "yellow")))
    if run.unasked:
        console.print(Text.assemble(("unasked ", "dim"), ", ".join(run.unasked)))
    for text in state:
        console.print(
            Text.assemble(("now     ", "dim"), (output.in_local_time(text), "cyan" if executes else "yellow"))
        )
    names = {step.id for step in run.steps}
    for one in said:
        if one.step not in names:
            console.print(Text.assemble(("said    ", "dim"), _said(one, of_step=one.step is not None)))
    if run.steps or run.attempts or run.defers:
        console.print()
    for attempt in run.attempts:
        console.print(_attempt_line(run, attempt, "body" if attempt.step is None else f"step {attempt.step}"))
    for step in run.steps:
        for line in _step_lines(run, step, now, executes=executes):
            console.print(line)
        for one in said:
            if one.step == step.id:
                console.print(Text.assemble("    ", _said(one)))
    for defer in run.defers:
        console.print(_defer_line(defer))
    console.print()
    if run.error is not None:
        console.print(Text.assemble(("error   ", "dim"), (f"{run.error.name}: {run.error.message}", "red")))
        _show_stack(console, run.error)
    elif run.status is RunStatus.COMPLETED:
        console.print(Text.assemble(("result  ", "dim"), _value(run.output, 2_000)))


def _value(value: object, limit: int = 100) -> str:
    """A value on one line; of one that was erased, that it was."""
    return "erased" if erasing.is_erased_value(value) else output.short_json(value, limit)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    event = run.event or {}
    yield "event", f"{event.get('name')}  {event.get('id')}  {_value(event.get('data'), 200)}"
    if run.origin_id is not None:
        since = "" if run.origin_step is None else f", from step {run.origin_step!r} on"
        given = "" if run.origin_input is None else f" with {output.short_json(list(run.origin_input), 200)}"
        yield "rerun", f"of {run.origin_id}{since}{given}"
    if run.erased_at is not None:
        by = "" if run.erased_by is None else f" by {run.erased_by}"
        yield "erased", f"its data were erased on {local(run.erased_at).strftime('%Y-%m-%d %H:%M:%S %Z')}{by}"
    if run.reruns:
        yield "reruns", "  ".join(run.reruns[:3]) + (f"  and {len(run.reruns) - 3} more" if run.reruns[3:] else "")
    created = local(run.created_at)
    yield "created", f"{created.strftime('%Y-%m-%d %H:%M:%S.%f')[:-3]} {created.strftime('%Z')}"
    if run.started_at is not None:
        yield "started", f"+{output.span(milliseconds(run.started_at - run.created_at))}"
    if run.ended_at is not None:
        yield "ended", f"+{output.span(milliseconds(run.ended_at - run.created_at))}"


def _said(one: Said, *, of_step: bool = False) -> Text:
    """The line of something that is said: scores show their values alone."""
    values = one.values
    if one.kind == SCORE and isinstance(values, dict):
        values = {name: value.get("value") if isinstance(value, dict) else value for name, value in values.items()}
    about = f"  of step {one.step}" if of_step else ""
    about += "" if one.attempt is None else f"  of attempt {one.attempt + 1}"
    return Text.assemble((one.kind, "cyan"), f"  {output.short_json(values, 200)}", (about, "dim"))


_MARKS = {
    "completed": ("✓", "green"),
    "running": ("…", "cyan"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "yellow"),
    "retrying": ("…", "yellow"),
    "sleeping": ("…", "cyan"),
    "waiting": ("…", "cyan"),
}


_WAS = {Opcode.SLEEP.value: "slept", **dict.fromkeys((one.value for one in WAITS), "waited")}
"""How an open step was left by a run that has ended, by its kind."""

_WITH_OUTPUT = ("StepRun", "Gateway", "AIGateway")


def _step_lines(run: Run, step: StepRecord, now: int, *, executes: bool) -> list[Text]:
    mark, style = _MARKS[step.status]
    line = Text.assemble((f"{mark} ", style), (step.id, "bold"), "  ")
    tries = len(step.attempts)
    if step.ended_at is None and run.ended_at is not None:
        was = _WAS.get(step.kind, "was to be tried again" if tries else "was open")
        line.append(f"{was} when the run ended")
    elif step.due_at is not None:
        left = left_until(step.due_at, now)
        goes_on = f"in {output.span(left)}" if left > 0 else "now"
        words = {"sleeping": "sleeps", "waiting": "waits"}
        if executes and left <= 0 and step.status == "sleeping":  # recorded with the step that executes now
            return [line.append(f"slept until {clock(step.due_at)}")]
        word = words.get(step.status) or f"{tries} failed so far, again"
        line.append(f"{word} until {clock(step.due_at)} ({goes_on})" if left > 0 else f"{word}, due {goes_on}")
    elif step.ended_at is None:
        line.append(f"begun at {clock(step.started_at)}, and is not run again")
    else:
        line.append("kept" if step.kept else _when(run, step), "dim")
        if tries > 1:
            line.append(f"  {tries} attempts", "yellow")
        if step.usage is not None:
            line.append(f"  {_used(step.usage)}", "cyan")
        if step.status == "completed" and step.kind in _WITH_OUTPUT:
            line.append(f"  {_value(step.output)}")
        elif step.status == "failed" and step.error is not None and tries <= 1:
            line.append(f"  {one_line(step.error)}", "red")
    if not tries or (tries == 1 and step.ended_at is not None):
        return [line]
    return [line, *(_attempt_line(run, attempt, "attempt") for attempt in step.attempts)]


def _when(run: Run, step: StepRecord) -> str:
    """When a step started, since its run was created, and how long it took."""
    since = step.attempts[0].started_at if step.attempts else step.started_at
    took = (step.ended_at or since) - since
    return f"+{output.span(milliseconds(since - run.created_at))}  {output.span(milliseconds(took))}"


_DEFER_STYLES = {"deferred": "cyan", "scheduled": "green", "aborted": "yellow", "dropped": "yellow", "rejected": "red"}


def _defer_line(defer: DeferRecord) -> Text:
    """A function that starts, or has started, after the run; or does not."""
    mark = "-" if defer.status in ("aborted", "dropped", "rejected") else "→"
    style = _DEFER_STYLES[defer.status]
    line = Text.assemble((f"{mark} ", style), (defer.id, "bold"), f"  {defer.function_id}  ", (defer.status, style))
    if defer.error is not None:
        return line.append(f"  {one_line(defer.error)}", "red")
    return line.append(f"  {output.short_json(defer.data)}") if defer.data else line


def _used(usage: Usage) -> str:
    """The model, and its tokens."""
    tokens = " → ".join("?" if count is None else f"{count:,}" for count in (usage.input_tokens, usage.output_tokens))
    return f"{usage.model or 'model'}  {tokens} tokens"


def _attempt_line(run: Run, attempt: Attempt, what: str) -> Text:
    """One try, counted from 1 as people do, with its time since the run was created."""
    at = output.span(milliseconds(attempt.started_at - run.created_at))
    took = output.span(milliseconds(attempt.ended_at - attempt.started_at))
    line = Text(f"    {what} {attempt.number + 1}  +{at}  {took}  ", "dim")
    line.append(*(("ok", "green") if attempt.error is None else (one_line(attempt.error), "red")))
    return line


def _show_stack(console: Console, error: ErrorInfo) -> None:
    if error.stack:
        for line in error.stack.rstrip().splitlines():
            console.print(f"        {line}", style="dim")
