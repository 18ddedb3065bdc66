"""``python -m tests.chaos``: minutes of kills under load, and a report. Ends with status 1 when anything was lost."""

import json
import random
import sys
from pathlib import Path

import click

from tests.chaos.judging import Verdict
from tests.chaos.storm import Plan, run

_LINES = {
    "accepted": "accepted events, test ones among them",
    "owed": "live deliveries owed",
    "delivered": "delivered",
    "refused": "refused for good by the receiver",
    "lost": "lost",
    "tests_seen": "test events that the receiver saw",
    "duplicates": "deliveries taken twice",
    "cut_off": "… whose first answer was cut off",
    "unexplained": "… that neither this nor a kill explains",
    "asked_to_wait": "503 with Retry-After",
    "unanswered": "events that a backend gave up on",
    "difference": "balance, difference",
    "faults": "pairs missing or doubled",
    "usual_recovery": "seconds to recover from a blow, median",
    "settled_after": "seconds of calm until all was settled",
}


@click.command()
@click.option("--database", type=click.Choice(["sqlite", "postgresql", "both"]), default="both", show_default=True)
@click.option("--seconds", type=click.FloatRange(5, 600), default=60.0, show_default=True, help="How long it storms.")
@click.option("--seed", type=int, help="To repeat a run's dice.  [default: by chance]")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="Write the reports to this file.")
def main(database: str, seconds: float, seed: int | None, to: Path | None) -> None:
    """Kill and hurt a server under load, on loopback, and compare what it promised with what arrived."""
    seed = seed if seed is not None else random.randrange(10_000)
    verdicts = {}
    for kind in ("sqlite", "postgresql") if database == "both" else (database,):
        click.echo(f"\n{kind}, seed {seed}, {seconds:g} s")
        verdicts[kind] = run(Plan(seed=seed, seconds=seconds), kind, click.echo)
        _show(verdicts[kind])
    if to:
        to.write_text(json.dumps({kind: one.document() for kind, one in verdicts.items()}, indent=2) + "\n")
    sys.exit(0 if all(one.holds for one in verdicts.values()) else 1)


def _show(verdict: Verdict) -> None:
    found = verdict.document()
    click.echo("\nblows: " + ", ".join(f"{name} {count}" for name, count in verdict.kills.items()))
    for name, words in _LINES.items():
        value = found[name]
        click.echo(f"{value:>10,.1f}  {words}" if isinstance(value, float) else f"{value:>10,}  {words}")
    slowest = ", ".join(f"{name} {seconds:.1f}" for name, seconds in verdict.recovery.items())
    click.echo(f"slowest recovery in seconds: {slowest}")
    if verdict.surprises:
        click.echo(f"Answers that no backend can live with: {verdict.surprises}")
    click.secho(
        "It holds." if verdict.holds else "It does not hold.", fg="green" if verdict.holds else "red", bold=True
    )


if __name__ == "__main__":
    main()
