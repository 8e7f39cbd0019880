"""Figures and what they are held against. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A figure measured several times."""

    median: float
    low: float  # first quartile
    high: float  # third quartile

    def __str__(self) -> str:
        if self.low == self.high:
            return short(self.median)
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles; of fewer than four values, the extremes stand for the quartiles."""
    if not values:
        raise ValueError("expected at least one value")
    if len(values) < 4:
        return Spread(statistics.median(values), min(values), max(values))
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    if not 0 < share <= 1:
        raise ValueError(f"expected a share over 0 and up to 1, got {share}")
    return sorted(values)[math.ceil(share * len(values)) - 1]


@dataclass(frozen=True)
class Rounds:
    """One figure of several contenders, measured in turns: a value of each in every round."""

    values: Sequence[Mapping[str, float]]

    def of(self, name: str) -> Spread:
        """What one contender took."""
        return spread([one[name] for one in self.values if name in one])

    def ratio(self, name: str, to: str) -> Spread:
        """One contender to another: compared in each round, for what disturbed a round disturbed both."""
        return spread([one[name] / one[to] for one in self.values if name in one and to in one])

    def has(self, name: str) -> bool:
        """Whether a contender took part."""
        return any(name in one for one in self.values)


@dataclass(frozen=True)
class Bar:
    """A figure and what it is held against. It is printed, and nothing fails by it."""

    what: str
    figure: float
    limit: float
    unit: str = ""
    least: bool = False  # the figure must reach the limit, not stay below

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side."""
        return self.figure >= self.limit if self.least else self.figure <= self.limit

    def row(self) -> list[str]:
        """What, the limit, the figure, and by how much it is met or missed."""
        distance = f" by {abs(self.figure / self.limit - 1):.0%}" if self.limit else ""
        return [
            self.what,
            f"at {'least' if self.least else 'most'} {_bare(self.limit)}{self.unit}",
            f"{short(self.figure)}{self.unit}",
            f"{'met' if self.met else '**missed**'}{distance}",
        ]


@dataclass(frozen=True)
class Section:
    """One part of the results."""

    title: str
    text: str  # Markdown
    bars: Sequence[Bar] = ()

    def markdown(self) -> str:
        """The part with its bars."""
        parts = [f"## {self.title}", self.text]
        if self.bars:
            parts.append(table(["bar", "limit", "measured", ""], [bar.row() for bar in self.bars]))
        return "\n\n".join(part.strip() for part in parts)


def short(value: float) -> str:
    """Three significant digits, and no exponent."""
    if value == 0 or math.isinf(value) or math.isnan(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    if digits == 0:
        return f"{round(value):,}"
    return f"{value:.{min(digits, 6)}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column holds words, the others figures."""
    lines = [" | ".join(heads), "---|" + "|".join("---:" for _ in heads[1:])]
    lines += [" | ".join(short(cell) if isinstance(cell, float) else str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" if line[0] != "-" else f"|{line}|" for line in lines)


def _bare(value: float) -> str:
    """A round number as it is written."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"
