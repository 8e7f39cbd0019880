"""Runs a pattern over a text in time linear in the text, however the pattern is written.

A pattern becomes a program: a non-deterministic automaton. Searching follows all of its threads at once, and remembers
which set of threads a letter leads to, so that a letter usually costs one look-up.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from .patterns import MAX_PROGRAM, Anchor, Choice, Letters, Part, PatternError, Repeat, Sequence, parse
from .scope import Scope, spend

CHUNK: Final = 1_024
"""Letters that are paid for at a time."""

MAX_MEMORY: Final = 8 << 20
"""Bytes that an automaton remembers, about; then it forgets all and begins again."""

MAX_MEMORY_OF_ALL: Final = 64 << 20
"""Bytes that all automata remember together; then all forget."""

_STATE_BYTES, _TRANSITION_BYTES = 600, 110
"""What Python needs for a state beside its threads, and for a step that leads to one."""

_LOOK = 1 << 14
"""Bytes after which an automaton asks what all remember: they are counted one by one."""


class _Memory:
    """The common memory of the automata of this process. Threads may share it: it is read from copies."""

    def __init__(self) -> None:
        self._automata: dict[int, weakref.ref[Automaton]] = {}

    def join(self, automaton: Automaton) -> None:
        """An automaton is made; it leaves by itself."""
        number = id(automaton)
        self._automata[number] = weakref.ref(automaton, lambda _: self._automata.pop(number, None))

    @property
    def used(self) -> int:
        """Bytes, about."""
        return sum(automaton.remembered for automaton in self._all())

    def forget(self) -> None:
        """All automata forget."""
        for automaton in self._all():
            automaton.forget()

    def _all(self) -> list[Automaton]:
        return [automaton for found in list(self._automata.values()) if (automaton := found()) is not None]


MEMORY: Final = _Memory()


class One(NamedTuple):
    """Takes a letter."""

    letters: Letters
    then: int


class Fork(NamedTuple):
    """Goes on in several places."""

    then: tuple[int, ...]


class At(NamedTuple):
    """Goes on if this is such an anchor."""

    kind: str
    then: int


class Done(NamedTuple):
    """The pattern is found."""


Instruction = One | Fork | At | Done


_TOO_LARGE = "too large (its repetitions multiply)"


class _Compiler:
    """Writes a program from its end: each part is told where to go on."""

    def __init__(self) -> None:
        self.program: list[Instruction] = [Done()]
        self._parts = 0

    def _add(self, instruction: Instruction) -> int:
        if len(self.program) >= MAX_PROGRAM:
            raise PatternError(0, _TOO_LARGE)
        self.program.append(instruction)
        return len(self.program) - 1

    def compile(self, part: Part, then: int) -> int:
        """Where the program of a part begins."""
        self._parts += 1
        if self._parts > 4 * MAX_PROGRAM:  # parts that take nothing, again and again
            raise PatternError(0, _TOO_LARGE)
        match part:
            case Letters():
                return self._add(One(part, then))
            case Anchor():
                return self._add(At(part.kind, then))
            case Choice():
                return self._add(Fork(tuple(self.compile(choice, then) for choice in part.parts)))
            case Sequence():
                for last in reversed(part.parts):
                    then = self.compile(last, then)
                return then
            case Repeat():
                return self._repeat(part, then)

    def _repeat(self, repeat: Repeat, then: int) -> int:
        if repeat.most is None:
            loop = self._add(Fork((then,)))
            self.program[loop] = Fork((self.compile(repeat.part, loop), then))
            then = loop
        else:
            end = then
            for _ in range(repeat.most - repeat.least):
                then = self._add(Fork((self.compile(repeat.part, then), end)))
        for _ in range(repeat.least):
            then = self.compile(repeat.part, then)
        return then


# What stands beside a place: nothing, a newline, a letter of a word, or another one.
_NOTHING, _NEWLINE, _WORD, _OTHER = range(4)


def _kind(letter: str) -> int:
    if letter == "\n":
        return _NEWLINE
    return _WORD if letter == "_" or (letter.isascii() and letter.isalnum()) else _OTHER


def _is_at(kind: str, before: int, after: int) -> bool:
    match kind:
        case "^":
            return before == _NOTHING
        case "$":
            return after == _NOTHING
        case "^m":
            return before in (_NOTHING, _NEWLINE)
        case "$m":
            return after in (_NOTHING, _NEWLINE)
        case "b":
            return (before == _WORD) != (after == _WORD)
        case _:
            return (before == _WORD) == (after == _WORD)


@dataclass(slots=True, eq=False)
class _State:
    threads: frozenset[int]  # where in the program
    before: int  # kind of the letter before
    next: dict[str, _State] = field(default_factory=dict)  # by the next letter
    found: bool = False
    found_at_end: bool | None = None  # whether it is found if the text ends here; None until asked


class Automaton:
    """A pattern that is ready to be searched for. It may be shared by threads: what it remembers are only answers.

    Attributes:
        size: instructions of its program.
        remembered: bytes that it remembers, about.

    Raises:
        PatternError: the pattern is refused.
    """

    def __init__(self, pattern: str) -> None:
        part = parse(pattern)
        compiler = _Compiler()
        self._start = frozenset((compiler.compile(part, 0),))
        self._program = compiler.program
        self.size = len(compiler.program)
        self._anchored = _begins_at_start(part)
        self._has_places = any(isinstance(instruction, At) for instruction in self._program)
        self._weights = [i.letters.weight if isinstance(i, One) else 0 for i in self._program]
        self._states: dict[tuple[frozenset[int], int], _State] = {}
        self.remembered = self._looked = 0
        MEMORY.join(self)

    def forget(self) -> None:
        """Begin again with an empty memory; a search that is under way goes on with what it holds."""
        states, self._states = self._states, {}
        for state in list(states.values()):
            state.next.clear()  # they lead to each other, and would stay until garbage is collected
        self.remembered = self._looked = 0

    def _remember(self, count: int) -> None:
        self.remembered += count
        if self.remembered > MAX_MEMORY:
            self.forget()
        elif self.remembered - self._looked > _LOOK:
            self._looked = self.remembered
            if MEMORY.used > MAX_MEMORY_OF_ALL - _LOOK:
                MEMORY.forget()

    def search(self, scope: Scope, text: str) -> bool:
        """Whether the pattern is found anywhere in a text.

        Raises:
            CostError: it costs too much.
        """
        state = self._state(self._start, _NOTHING)
        for start in range(0, len(text), CHUNK):
            chunk = text[start : start + CHUNK]
            spend(scope, len(chunk))
            for letter in chunk:
                state = state.next.get(letter) or self._step(scope, state, letter)
                if state.found:
                    return True
                if not state.threads:
                    return False
        if state.found_at_end is None:
            state.found_at_end = self._follow(scope, state, _NOTHING) is None
        return state.found_at_end

    def _state(self, threads: frozenset[int], before: int) -> _State:
        key = (threads, before if self._has_places else _OTHER)
        known = self._states.get(key)
        if known is None:
            self._remember(_STATE_BYTES + sys.getsizeof(threads))
            known = self._states.setdefault(key, _State(*key))
        return known

    def _step(self, scope: Scope, state: _State, letter: str) -> _State:
        kind = _kind(letter)
        takers = self._follow(scope, state, kind)
        if takers is None:
            following = _State(frozenset(), _OTHER, found=True)
        else:
            spend(scope, sum(self._weights[taker] for taker in takers))
            program = self._program
            ones = [one for taker in takers if isinstance(one := program[taker], One)]
            threads = frozenset([one.then for one in ones if one.letters.hold(letter)])
            following = self._state(threads if self._anchored else threads | self._start, kind)
        self._remember(_TRANSITION_BYTES)
        state.next[letter] = following
        return following

    def _follow(self, scope: Scope, state: _State, after: int) -> list[int] | None:
        """Where instructions wait for a letter of this kind; None if the pattern is found before it."""
        takers: list[int] = []
        seen = set(state.threads)
        threads = list(state.threads)
        while threads:
            thread = threads.pop()
            match self._program[thread]:
                case Done():
                    return None
                case One():
                    takers.append(thread)
                    following: tuple[int, ...] = ()
                case Fork(following):
                    pass
                case At(kind, then):
                    following = (then,) if _is_at(kind, state.before, after) else ()
            threads.extend(thread for thread in following if thread not in seen)
            seen.update(following)
        spend(scope, 16 + 4 * len(seen))
        return takers


def _begins_at_start(part: Part) -> bool:
    """Whether a match can only begin where the text does."""
    match part:
        case Anchor():
            return part.kind == "^"
        case Sequence():
            return bool(part.parts) and _begins_at_start(part.parts[0])
        case Choice():
            return all(_begins_at_start(choice) for choice in part.parts)
        case Repeat():
            return part.least > 0 and _begins_at_start(part.part)
        case _:
            return False


@lru_cache(maxsize=128)
def compiled(pattern: str) -> Automaton:
    """The automaton of a pattern, from the last ones used.

    Raises:
        PatternError: the pattern is refused.
    """
    return Automaton(pattern)
