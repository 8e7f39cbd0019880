"""Step ids: the n-th repeat of an id is `"{id}:{n}"`, and what travels and is stored is the SHA-1 of that text."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

from . import texts


class StepName(NamedTuple):
    """How one step call is known."""

    id: str  # as written by the developer
    repeat: int  # 0 for the first call with this id, n for its n-th repeat
    hash: str  # SHA-1 of `text`, lowercase hex: the key of its memo

    @property
    def text(self) -> str:
        """The effective id: `id`, or `id:n` for a repeat."""
        return self.id if self.repeat == 0 else f"{self.id}:{self.repeat}"


class StepIdTakenError(ValueError):
    """Two different calls have the same effective id: a repeat of `a` is `a:1`, and so is a step named `a:1`."""

    def __init__(self, name: StepName) -> None:
        super().__init__(
            f'the step id "{name.text}" is taken twice: repeats of an id are numbered "id:1", "id:2", …, '
            "and another step is named so. Rename one of them."
        )


@lru_cache(maxsize=4_096)
def hash_step_id(text: str) -> str:
    """Lowercase hex SHA-1 of an effective step id, by which a step is known on the wire and in the store."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class StepCounter:
    """Names step calls in the order in which they are made. One per invocation."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()

    def name(self, step_id: str) -> StepName:
        """The name of the next call with this id.

        Raises:
            StepIdTakenError: its effective id belongs to another call already.
            TypeError: it is not a text.
            ValueError: it cannot be stored.
        """
        if not isinstance(step_id, str):
            raise TypeError(f"a step id is a text, got {step_id!r}")
        if not (step_id.isascii() and "\0" not in step_id) and (reason := texts.problem(step_id)):
            raise ValueError(f"the step id {step_id!r} {reason}")
        index = self._counts.get(step_id, 0)
        self._counts[step_id] = index + 1
        text = step_id if index == 0 else f"{step_id}:{index}"
        name = StepName(step_id, index, hash_step_id(text))
        if text in self._taken:
            raise StepIdTakenError(name)
        self._taken.add(text)
        return name
