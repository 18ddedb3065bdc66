"""The web door: a Flask app that backends post to (``ingest``), people look at (``show``), programs use (``admin``)."""

from flask import Flask

from ours.bootstrap import Ours
from ours.resources import folder
from ours.settings import load
from ours.web import admin, health, ingest, metrics, security, show
from ours.web.app import App
from ours.web.forwarded import Forwarded
from ours.web.throttle import Throttle

PATIENCE = 20.0
"""Seconds within which the database has to answer: who asks us is answered within 30."""


def create_app(ours: Ours | None = None) -> Flask:
    """The application for any WSGI server. Without ``ours`` it reads the environment and migrates the database."""
    if ours is None:
        ours = Ours(load(), PATIENCE)
        ours.prepare()
        _ = ours.registry  # in the main thread: in that of a request, nothing would end a plugin that hangs
    app = App("ours.web", template_folder=str(folder("templates")), static_folder="static")
    app.config.update(SECRET_KEY=ours.session_keys[0], SECRET_KEY_FALLBACKS=ours.session_keys[1:])
    app.extensions["ours"] = ours
    app.extensions["throttle"] = Throttle()
    if ours.settings.trusted_proxies:
        app.wsgi_app = Forwarded(app.wsgi_app, ours.settings.trusted_proxies)  # type: ignore[method-assign]
    security.init_app(app)
    for room in (health, ingest, metrics, admin, show):
        app.register_blueprint(room.blueprint)
    return app
