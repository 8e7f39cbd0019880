"""What a function can invoke: apart from `Function`, which knows the context that invokes."""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

from .ports import Client

T_co = TypeVar("T_co", covariant=True)


class Invocable(abc.ABC, Generic[T_co]):
    """A function, as a step sees it that invokes it. Its results are of type `T_co`."""

    client: Client

    @property
    @abc.abstractmethod
    def id(self) -> str:
        """The id on the wire: `{app_id}-{fn_id}`."""

    @abc.abstractmethod
    def result_type(self, function_id: str) -> object:
        """The type by which the result of a run is kept: of this function, or of its failure handler."""
