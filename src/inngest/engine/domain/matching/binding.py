"""The search of a wait's expression, once the event that started the run is known."""

from __future__ import annotations

from typing import NamedTuple

from inngest.engine.domain.index_keys import LONGEST
from inngest.expressions.code import Reference, compile_tree, reference, resolve
from inngest.expressions.errors import EvaluationError
from inngest.expressions.functions import IMPURE
from inngest.expressions.node_code import Run
from inngest.expressions.scope import LIMIT
from inngest.expressions.tree import Binary, Call, Logic, Name, Node, children, walk
from inngest.expressions.values import truthy

from .keys import Term, path_text, scalar, selectivity


class Side(NamedTuple):
    """A part that depends on `event` only, compiled."""

    run: Run
    locals: int

    def value(self, event: object) -> object:
        """Its value."""
        return self.run([LIMIT, 0, event, None, None, (), *[None] * self.locals])


class Equality(NamedTuple):
    """`async.path == side`."""

    path: str  # as in a Term
    side: Side
    own: bool  # whether it depends on `event`, or is the same for all


class Found(NamedTuple):
    """The consequences of the event that started the run."""

    terms: tuple[Term, ...]  # an event that matches satisfies them all
    residual: bool  # whether an event that satisfies them may still not match
    possible: bool  # whether any event matches


class Plan(NamedTuple):
    """The terms of an expression's `&&`, sorted by what can be done with them."""

    places: tuple[Reference, ...]  # what it reads of `event`
    run: Run  # the whole, with those places as parameters
    equalities: tuple[Equality, ...]  # terms that an index can find
    gates: tuple[Side, ...]  # terms that are known beforehand
    rest: bool  # whether there are others

    def parameters(self, event: object) -> tuple[object, ...]:
        """The parts of `event` that the expression needs; JSON values."""
        return tuple(resolve(place, event) for place in self.places)

    def find(self, event: object) -> Found:
        """The terms and gates with `event` known.

        The order of terms does not matter to `&&`, and an error in one counts only if no other is false: so an event
        that fails one term cannot match, whatever the others are.
        """
        residual, possible = self.rest, True
        for gate in self.gates:
            try:
                value = gate.value(event)
            except EvaluationError:
                residual = True
            else:
                possible = possible and truthy(value)
                residual = residual or value is not True
        terms: list[tuple[int, Term]] = []
        for equality in self.equalities:
            try:
                key = scalar(equality.side.value(event))
            except EvaluationError:
                key = None
            if key is None:
                residual = True
            else:
                term = Term(equality.path, key)
                terms.append((selectivity(term, own=equality.own), term))
        terms.sort(key=lambda ranked: ranked[0])
        return Found(tuple(term for _, term in terms), residual, possible)


def plan(text: str, root: Node) -> Plan:
    """The plan of a checked tree."""
    places = _places_of_event(root)
    run, _ = compile_tree(text, root, {place: index for index, place in enumerate(places)})
    equalities: list[Equality] = []
    gates: list[Side] = []
    rest = False
    for term in root.terms if isinstance(root, Logic) and root.operator == "&&" else (root,):
        if equality := _equality(text, term):
            equalities.append(equality)
        elif _knows_only_event(term):
            gates.append(Side(*compile_tree(text, term)))
        else:
            rest = True
    return Plan(places, run, tuple(equalities), tuple(gates), rest)


def _places_of_event(root: Node) -> tuple[Reference, ...]:
    found: dict[Reference, None] = {}
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        place = reference(node)
        if place is None:
            open_nodes.extend(children(node))
        elif place.name == "event":
            found[place] = None
    return tuple(found)


def _equality(text: str, term: Node) -> Equality | None:
    """A term `async.path == what depends on event only`, whichever side is left."""
    if not isinstance(term, Binary) or term.operator != "==":
        return None
    for place, other in ((term.left, term.right), (term.right, term.left)):
        found = reference(place)
        if found and found.name == "async" and found.path and not found.has and _knows_only_event(other):
            path = path_text(found.path)
            if len(path) > LONGEST:  # it would be a key of an index, too
                continue
            own = any(isinstance(node, Name) and node.name == "event" for node in walk(other))
            return Equality(path, Side(*compile_tree(text, other)), own)
    return None


def _knows_only_event(root: Node) -> bool:
    for node in walk(root):
        if isinstance(node, Name) and node.name in ("async", "vars"):
            return False
        if isinstance(node, Call) and node.function in IMPURE:
            return False
    return True
