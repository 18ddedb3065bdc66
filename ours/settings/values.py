"""The settings as the rest of the code holds them."""

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ours import ids
from ours.settings.kinds import Network

_LOOPBACK = {"127.0.0.1", "::1"}
OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""What every machine calls itself."""
_SQLITE = "sqlite:///"
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided; see ``SettingsSchema`` for what each means."""

    home: Path
    host: str
    port: int
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_keys: tuple[bytes, ...] = field(repr=False)
    plugins_dir: Path
    allow_networks: tuple[Network, ...]
    log_level: str
    log_format: str
    web_threads: int
    keep_alive_seconds: int
    deliver_workers: int
    max_backlog: int
    min_free_mb: int
    max_batch_rows: int
    max_batch_bytes: int
    trusted_proxies: int
    metrics_token: str = field(repr=False)
    allowed_hosts: tuple[str, ...]
    session_idle_minutes: int
    second_factor: str
    proxy: str
    keep_events_days: int
    keep_test_days: int
    keep_attempts_days: int
    keep_held_days: int
    keep_audit_days: int
    alert_webhook: str = field(repr=False)
    alert_email: tuple[str, ...]
    alert_from: str
    smtp_url: str = field(repr=False)
    given: frozenset[str] = frozenset()
    """The names of those that the environment said; the others have their defaults."""

    @property
    def database_file(self) -> Path | None:
        """Where SQLite's file is, or will be; None when a server has the database."""
        if self.embedded_database:
            return self.home / "ours.db"
        return Path(self.database_url.removeprefix(_SQLITE)) if self.database_url.startswith(_SQLITE) else None

    @property
    def sealing_key_id(self) -> str:
        """Which key seals in this process, as sealed values and `ours doctor` name it."""
        return ids.of_secret_key(self.secret_keys[0])

    @property
    def embedded_database(self) -> bool:
        return not self.database_url

    @property
    def embedded_queue(self) -> bool:
        return not self.redis_url

    @property
    def queue_socket(self) -> Path:
        """Where the embedded Valkey listens: in the data folder, unless that path is too long for a socket."""
        path = self.home / "queue.sock"
        if len(str(path)) < _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ours-{name}.sock"

    @property
    def dashboard_hosts(self) -> tuple[str, ...]:
        """The names that the dashboard answers to; none: any."""
        if self.allowed_hosts or self.trusted_proxies or self.host not in _LOOPBACK:
            return self.allowed_hosts
        return OWN_HOSTS

    @property
    def address(self) -> str:
        host = "localhost" if self.host in {"0.0.0.0", "::", "127.0.0.1"} else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
