"""Shows what was found: on the terminal, as JSON, and as the generated section of a document."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.finding import Finding, Plan, Ratio, Row, readable
from bench.load.press import generator

BEGIN = "<!-- figures: written by `python -m bench --write` -->"
END = "<!-- end of figures -->"
Found = Mapping[str, Finding]


def show(console: Console, finding: Finding) -> None:
    table = Table(title=finding.title, title_justify="left")
    heads, lines = _cells(finding.rows)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    for line in lines:
        table.add_row(*line)
    console.print(table)
    for ratio in finding.ratios:
        console.print(f"  {_sentence(ratio)}", style="green" if ratio.met else "red")
    for note in finding.notes:
        console.print(f"  {note}")
    console.print()


def as_json(found: Found, plan: Plan) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "works": {name: _work(finding) for name, finding in found.items()},
    }


def write(path: Path, found: Found, plan: Plan) -> None:
    """Put the figures between the markers of a document.

    :raises ValueError: when it has no markers.
    """
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no place for figures. Put these two lines into it:\n{BEGIN}\n{END}")
    path.write_text(f"{before}{BEGIN}\n\n{markdown(found, plan)}\n{END}{after}")


def markdown(found: Found, plan: Plan) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in machine().items())
    parts = [f"{datetime.now(UTC):%d %B %Y}. {told}. Medians of {plan.rounds} rounds of {plan.seconds:g} s.", ""]
    for finding in found.values():
        parts += _section(finding)
    return "\n".join(parts)


def machine() -> dict[str, str]:
    """Words that tell what the figures are of."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "Python": platform.python_version(),
        "load generator": generator(),
    }


def _section(finding: Finding) -> list[str]:
    heads, lines = _cells(finding.rows)
    aligned = ["---", *("---:" for _ in heads[1:])]
    table = [f"| {' | '.join(cells)} |" for cells in (heads, aligned, *lines)]
    ratios = [f"- {_sentence(ratio)}" for ratio in finding.ratios]
    return [f"### {finding.title}", "", *table, "", *ratios, *(f"- {note}" for note in finding.notes), ""]


def _cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    names = list(rows[0].rounds[0])
    several = len(rows[0].rounds) > 1
    heads = ["", names[0], *(["range"] if several else []), *names[1:]]
    lines = []
    for row in rows:
        main, *others = (readable(row.medians[name]) for name in names)
        spread = [f"{readable(min(row.main))}–{readable(max(row.main))}"] if several else []
        lines.append([row.name, main, *spread, *others])
    return heads, lines


def _sentence(ratio: Ratio) -> str:
    word = "at most" if ratio.most else "at least"
    verdict = "met" if ratio.met else "missed"
    return f"{ratio.text}: {readable(ratio.value)} (target {word} {readable(ratio.target)}, {verdict})"


def _work(finding: Finding) -> dict[str, Any]:
    return {
        "title": finding.title,
        "contenders": {row.name: {"medians": dict(row.medians), "rounds": list(row.rounds)} for row in finding.rows},
        "ratios": [
            {"text": one.text, "value": one.value, "target": one.target, "most": one.most, "met": one.met}
            for one in finding.ratios
        ],
        "notes": list(finding.notes),
    }
