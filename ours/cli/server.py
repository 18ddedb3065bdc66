"""``ours serve`` and its parts, each of which also runs alone."""

import click

from ours.cli.shell import Shell, pass_shell

_ENDING_SECONDS = 6.0  # for one that is just being replaced, and still gives its last answers


@click.command()
@pass_shell
def serve(shell: Shell) -> None:
    """Run everything: web server, workers, scheduler and queue. With OURS_REDIS_URL, the queue is that one."""
    from ours import supervisor

    supervisor.serve(shell.settings)


@click.command()
@pass_shell
def web(shell: Shell) -> None:
    """Run the web server alone."""
    from ours.supervisor import port
    from ours.web import serve as server

    port.check(shell.settings, _ENDING_SECONDS)
    _check(shell)
    server.run(shell.settings)


@click.command()
@click.argument("station", type=click.Choice(["route", "deliver", "scheduler"]))
@pass_shell
def worker(shell: Shell, station: str) -> None:
    """Run one worker alone: route, deliver, or the scheduler."""
    from ours.jobs import worker as workers

    _check(shell)
    workers.run(shell.settings, station)


def _check(shell: Shell) -> None:
    """Refuse settings that name no database, and one that is half restored or that other secret keys have sealed.

    One that is away just now is waited for."""
    from contextlib import closing

    from ours import log
    from ours.bootstrap import Ours
    from ours.errors import Busy
    from ours.store import migrate

    log.configure(shell.settings.log_level, shell.settings.log_format)
    with closing(Ours(shell.settings)) as ours:
        try:
            ours.store.reach()
            ours.refuse_unfinished()
            if not migrate.is_empty(ours.store):
                ours.store.vouch()
        except Busy as error:
            log.get("cli").warning("database_waited_for", error=str(error))
