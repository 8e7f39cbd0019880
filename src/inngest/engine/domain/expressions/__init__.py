"""Expressions as the engine uses them: does an event match, what is its key, what does a wait look for.

`compiled` gives an Expression, which is asked about an Activation. For a wait, the event that started the run is bound
to it once: what remains depends on the event that comes, and a Bound says by which terms an index finds it.
"""

from inngest.protocol.cel.errors import EvaluationError, ExpressionError
from inngest.protocol.cel.scope import EVENT, WAIT

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
