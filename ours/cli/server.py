"""``ours serve`` and its parts, each of which also runs alone."""

import click

from ours.cli.shell import Shell, pass_shell


@click.command()
@pass_shell
def serve(shell: Shell) -> None:
    """Run everything: web server, workers, scheduler, and the queue unless OURS_REDIS_URL is set."""
    from ours import supervisor

    supervisor.serve(shell.settings)


@click.command()
@pass_shell
def web(shell: Shell) -> None:
    """Run the web server alone."""
    from ours.web import serve as server

    server.run(shell.settings)


@click.command()
@click.argument("station", type=click.Choice(["route", "deliver", "scheduler"]))
@pass_shell
def worker(shell: Shell, station: str) -> None:
    """Run one worker alone: route, deliver, or the scheduler."""
    from ours.jobs import worker as workers

    workers.run(shell.settings, station)
