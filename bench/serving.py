"""Serves the two others exactly as `ours web` serves itself: granian, one worker process, as many threads."""

import multiprocessing
import os
from collections.abc import Callable

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from ours import processes
from ours.settings import SettingsSchema

THREADS: int = SettingsSchema().load({})["web_threads"]


def serve(make_app: Callable[[], Flask], port: int) -> None:
    """Serve until SIGTERM."""
    parent = os.getpid()
    multiprocessing.set_start_method("fork", force=True)

    def load(_target: str) -> Flask:
        processes.bind_to_parent(parent)
        return make_app()

    server = Granian(
        "bench:app",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        blocking_threads=THREADS,
        blocking_threads_idle_timeout=600,
        backlog=2048,
        backpressure=1024,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        workers_kill_timeout=4,
        log_enabled=False,
    )
    server.serve(target_loader=load)
