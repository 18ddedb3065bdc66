"""What a work finds: figures of each contender round by round, and the ratios that are the point of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.children import Failed

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: ``rounds`` of ``seconds`` for each contender, with data folders below ``base``; how many
    ``events`` lie in a store that is read from.
    """

    base: Path
    rounds: int = 3
    seconds: float = 4.0
    quick: bool = False
    events: int = 1_000_000

    def count(self, usual: int) -> int:
        """How many pieces of work a contender gets that is timed by its work."""
        return max(usual // 20, 5) if self.quick else usual


@dataclass(frozen=True, slots=True)
class Contender:
    """``measure`` runs it once, from start to end; the first figure is the one that counts."""

    name: str
    measure: Callable[[], Figures]


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    rounds: Sequence[Figures]

    @property
    def medians(self) -> Figures:
        return {name: median(one[name] for one in self.rounds) for name in self.rounds[0]}

    @property
    def main(self) -> Sequence[float]:
        """The figure that counts, round by round."""
        return [next(iter(one.values())) for one in self.rounds]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One comparison. ``target`` is where it should be: at least, or with ``most`` at most."""

    text: str
    value: float
    target: float
    most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.most else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Finding:
    title: str
    rows: Sequence[Row]
    ratios: Sequence[Ratio] = ()
    notes: Sequence[str] = field(default=())


def interleave(contenders: Sequence[Contender], rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Each contender once, then each again: what disturbs the machine disturbs all of them."""
    found: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            figures = contender.measure()
            found[contender.name].append(figures)
            name, value = next(iter(figures.items()))
            say(f"round {number + 1}/{rounds}  {contender.name}: {readable(value)} {name}")
    return [Row(name, measured) for name, measured in found.items()]


def readable(value: float) -> str:
    """As it is read by people, in tables too."""
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def compare(text: str, one: Row, other: Row, target: float, *, most: bool = False) -> Ratio:
    """How many times ``other`` ``one`` is: the median over the rounds of the ratio within a round.

    :raises Failed: when ``other`` did nothing in any round.
    """
    ratios = [a / b for a, b in zip(one.main, other.main, strict=True) if b]
    if not ratios:
        raise Failed(f"{other.name} did nothing, so there is nothing to compare with.")
    return Ratio(text, median(ratios), target, most)
