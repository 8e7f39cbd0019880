"""Models that are made from raw JSON objects, and made into them, as code for the official SDK does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import pydantic
from typing_extensions import TypeAliasType

JSON = TypeAliasType("JSON", "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None")
"""JSON values, for annotations and for fields of pydantic's models."""


class RawModel(pydantic.BaseModel):
    """The root of such models."""

    model_config = pydantic.ConfigDict(defer_build=True)  # each process imports them, and few build all

    @classmethod
    def from_raw(cls, raw: object) -> Self | Exception:
        """The model of a raw object, of JSON text or of a model; unknown members are ignored.

        Returns:
            The model. Or the error, which is not raised: that is this method's contract in the official SDK.
        """
        try:
            if isinstance(raw, cls):
                return raw
            if isinstance(raw, str | bytes):
                return cls.model_validate_json(raw)
            return cls.model_validate(cls._members(raw) if isinstance(raw, Mapping) else raw)
        except Exception as error:
            return error

    @classmethod
    def _members(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Its members by the names of the fields."""
        return {name: value for name, value in raw.items() if name in cls.model_fields}

    def to_dict(self) -> dict[str, Any]:
        """Its members by their wire names; durations as text."""
        return self.model_dump(by_alias=True)
