"""Expressions as the engine uses them: does an event match, what is its key, what does a wait look for.

Pure: no clock (the time is in the Activation) and no I/O. The language is in `inngest.expressions`, the page about it
is docs/reference/expressions.md.

**Compile once.** `compiled(text, variables, restrictive=…)` gives an `Expression`, from the last 4,096 used; threads
may share it. A wrong text raises `ExpressionError` with `offset`, `line`, `column`, `reason` and `hint`. Which names an
expression may read depends on its use:

=======================================================================  ==========================  ===========
use                                                                      names                       restrictive
=======================================================================  ==========================  ===========
trigger; keys (concurrency, throttle, rate limit, debounce, batch,       `EVENT`: event, vars        no
singleton, idempotency); `Batch.if_exp`; `Priority.run`
wait for an event                                                        `WAIT`: event, async, vars  no
`Cancel.if_exp`                                                          `WAIT`: event, async, vars  yes
=======================================================================  ==========================  ===========

`event` starts the run, or started it; `async` is the event that has come. `vars` is null where there are none.

**Match.** `expression.matches(Activation(event, async_, vars, now))` gives a `Verdict`, and never raises. Only true
matches; false and null do not; what is not boolean and what is an error do not either, and their `text` is to be
recorded.

**Key.** `expression.key(activation)` gives a text of up to 200 bytes that is the same for equal values:

- null and false give None: there is no key. A rate limit or a singleton then does not apply, others take their lane
  without key;
- true is `true`; a number is its shortest text, `1` for 1 and for 1.0; a string is its JSON, with the quotes, so that
  1 and "1" differ;
- a list or a map is JSON with sorted keys; a time is RFC 3339 and a duration seconds, in quotes as strings are;
- what is longer is the character RS and a hash. A key without a value raises `EvaluationError` with its place.

`expression.number(activation)` gives a whole number, or None for null, for priorities; `expression.value(activation)`
what it is.

**Wait.** `expression.bind(event)` gives a `Bound`, when the wait is made:

- `terms`: `Term(path, key)`, most telling first. Each is an equality of the outermost `&&` between a place in `async`
  and what `event` says; an event that matches has, for each, `key_at(term.path, async_event) == term.key`. An index of
  waits takes the first; without terms, all events of the name are candidates.
- `residual`: whether a candidate that has all terms must still be asked, by `bound.matches(Activation(async_=…))`.
- `possible`: False if the event that started the run rules out all others.
- `to_json()`: what has to be stored beside the text; `expression.restored(json)` is the Bound again, for matches alone.
"""

from inngest.expressions.errors import EvaluationError, ExpressionError
from inngest.expressions.scope import EVENT, WAIT

from .expression import Activation, Bound, Expression, Kind, Verdict, compiled
from .keys import Term, canonical, key_at

__all__ = [
    "EVENT",
    "WAIT",
    "Activation",
    "Bound",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Kind",
    "Term",
    "Verdict",
    "canonical",
    "compiled",
    "key_at",
]
