"""The type of JSON values, for annotations and for fields of pydantic's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import TypeAliasType

JSON = TypeAliasType("JSON", "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None")
