"""Runs the app under granian: one worker process, where what waits, for a body or a commit, keeps nobody waiting."""

import multiprocessing
import os
import socket

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from ours import log, processes
from ours.bootstrap import Ours
from ours.settings import Settings
from ours.web import PATIENCE, create_app, later
from ours.web.arriving import MOST_WAITING, Arriving
from ours.web.cutting import Connections
from ours.web.ingest.views import LARGEST

_DRAIN_SECONDS = 4
_MOST_AT_ONCE = 1024  # most of them wait for the disk, which holds no thread
_OTHER_FILES = 128  # the database's, the log, what a page reads


def answers(settings: Settings) -> bool:
    """Whether somebody listens where we serve."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    try:
        socket.create_connection((host, settings.port), timeout=0.2).close()
    except OSError:
        return False
    return True


def most_at_once() -> int:
    """How many connections this process holds: no more than leave files for the rest, or nobody was let in or cut."""
    files = processes.allow_files()
    return min(_MOST_AT_ONCE, max(files - _OTHER_FILES, files // 2))


def run(settings: Settings) -> None:
    """Serve until SIGTERM. A second web process on one SQLite file is refused."""
    log.configure(settings.log_level, settings.log_format)
    lock = None
    if settings.embedded_database:
        lock = processes.exclusive(settings.home / "web.lock", "A web server", settings.sealing_key_id)
    parent = os.getpid()
    threads, most = settings.web_threads, most_at_once()
    multiprocessing.set_start_method("fork", force=True)  # what is imported is shared with granian's worker

    def load(_target: str) -> Flask:
        """Called in granian's own worker process, which must not outlive us."""
        processes.bind_to_parent(parent)
        processes.keep_locks()  # before a plugin is imported
        ours = Ours(settings, PATIENCE)
        _ = ours.registry  # in the main thread: in that of a request, nothing would end a plugin that hangs
        _ = ours.accept  # who can have no threads for it is to end, and be started again
        app = create_app(ours)
        largest = max(LARGEST, settings.max_batch_bytes)
        connections = Connections(settings.port, most, settings.keep_alive_seconds)
        later.allow(lambda run: Arriving(run, threads=threads, largest=largest, connections=connections))
        processes.keep_memory()
        return app

    server = Granian(
        "ours.web:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        blocking_threads=threads + MOST_WAITING,  # ``Arriving`` lets as many work as there are for that
        blocking_threads_idle_timeout=600,
        backlog=2048,
        backpressure=most,
        http1_settings=HTTP1Settings(header_read_timeout=settings.keep_alive_seconds * 1000),
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_enabled=False,
    )
    server.serve(target_loader=load)
    if lock:
        lock.close()
