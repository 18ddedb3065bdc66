"""`python -m bench`: run the works that are named (or all), and say how we compare."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import report, servers
from bench.children import Failed
from bench.finding import Finding, Plan
from bench.works import WORKS

_QUICK = (1, 1.0)
_CALM = 0.7


_File = click.Path(path_type=Path, dir_okay=False)
_Folder = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(WORKS)), metavar="[WORK]...")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs.")
@click.option("--seconds", default=4.0, show_default=True, help="How long each runs, each time.")
@click.option(
    "--events",
    default=1_000_000,
    show_default=True,
    help="How many lie in the stores of `events` and, at most, `growth`.",
)
@click.option("--quick", is_flag=True, help="One short round: shows that it works, not how fast.")
@click.option("--folder", type=_Folder, help="Where data is written; a real disk.  [default: /var/tmp]")
@click.option("--json", "to", type=_File, help="Write all figures to this file.")
@click.option("--write", "document", type=_File, help="Renew the figures in this document.")
def main(names: tuple[str, ...], **options: Any) -> None:
    """Measure this server beside a naive twin and a bare echo, on this machine, over loopback.

    Works: track, batch, route, deliver, batched, latency, sustained, backlog, isolation, memory, processes, rolling,
    retention, mapping, events, growth, size; all, when none is named. Believe the ratios: the figures are this
    machine's.
    """
    if names and options["document"]:
        raise click.UsageError("--write renews all figures of a document: name no work with it.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rounds, seconds = _QUICK if options["quick"] else (options["rounds"], options["seconds"])
    plan = Plan(options["folder"] or servers.disk(), rounds, seconds, options["quick"], options["events"])
    console = Console()
    if (load := os.getloadavg()[0]) > _CALM:
        console.print(
            f"Something else keeps this machine busy (load average {load:.1f}): expect noise.", style="yellow"
        )
    found, failures = _run(names or tuple(WORKS), plan, console)
    if options["to"]:
        options["to"].write_text(json.dumps(report.as_json(found, plan), indent=2) + "\n")
    if options["document"] and not failures:
        report.write(options["document"], found, plan)
    sys.exit(1 if failures else 0)


def _run(names: tuple[str, ...], plan: Plan, console: Console) -> tuple[dict[str, Finding], list[str]]:
    """One work that fails does not keep the others from running."""
    found, failures = {}, []
    for name in names:
        try:
            found[name] = WORKS[name](plan, lambda line: console.print(f"[dim]{line}[/]", highlight=False))
            report.show(console, found[name])
        except Failed as failure:
            failures.append(name)
            console.print(f"{name}: {failure}", style="red", markup=False)
    return found, failures


if __name__ == "__main__":
    main()
