"""The bare Flask echo: reads JSON, answers JSON, does nothing else. `python -m bench.echo PORT`."""

import sys

from flask import Flask, Response, jsonify, request

from bench.load.job import BATCH, TRACK
from bench.serving import serve


def create_app() -> Flask:
    app = Flask(__name__)

    @app.post(TRACK)
    @app.post(BATCH)
    def echo() -> Response:
        return jsonify(request.get_json())

    return app


if __name__ == "__main__":
    serve(create_app, int(sys.argv[1]))
