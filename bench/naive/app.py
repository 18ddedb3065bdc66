"""Its web server: a session per request, a job per dispatch.

`python -m bench.naive.app PORT DATABASE REDIS [HOOK …]`
"""

import sys
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, jsonify, request
from redis import Redis
from rq import Queue
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench.load.job import BATCH, TRACK
from bench.naive.models import Destination, Dispatch, Event, Source, Visitor, open_database
from bench.naive.schema import Batch, Track
from bench.serving import serve

KEY = "bench"


def seed(engine: Engine, hooks: Sequence[str]) -> None:
    with Session(engine) as session:
        session.add(Source(key=KEY))
        session.add_all(Destination(url=hook) for hook in hooks)
        session.commit()


def store(session: Session, token: str, row: dict[str, Any]) -> list[Dispatch]:
    """The event, its visitor and what it owes; nothing when it was stored before."""
    source = session.scalars(select(Source).where(Source.key == token)).one()
    if session.scalar(select(Event.id).where(Event.distinct_id == row["distinctId"])):
        return []
    visitor = session.scalar(select(Visitor).where(Visitor.user_id == row["userId"]))
    if visitor is None:
        visitor = Visitor(user_id=row["userId"], properties={})
        session.add(visitor)
    visitor.properties = visitor.properties | (row.get("userProperties") or {})
    session.flush()
    event = Event(source_id=source.id, visitor=visitor, name=row["event"], distinct_id=row["distinctId"], body=row)
    made = [Dispatch(event=event, destination=destination) for destination in session.scalars(select(Destination))]
    session.add_all([event, *made])
    return made


def create_app(database: str, redis: str, hooks: Sequence[str]) -> Flask:
    app = Flask(__name__)
    engine = open_database(database)
    seed(engine, hooks)
    queue = Queue("naive", connection=Redis.from_url(redis))
    track_schema, batch_schema = Track(), Batch()

    def accept(token: str, rows: Sequence[dict[str, Any]]) -> Response:
        with Session(engine) as session:
            made = [dispatch for row in rows for dispatch in store(session, token, row)]
            session.commit()
            for dispatch in made:
                queue.enqueue("bench.naive.jobs.deliver", database, dispatch.id)
        return jsonify(success=True)

    @app.post(TRACK)
    def track() -> Response:
        body = track_schema.load(request.get_json())
        return accept(body.pop("token"), [body])

    @app.post(BATCH)
    def batch() -> Response:
        body = batch_schema.load(request.get_json())
        return accept(body["token"], body["events"])

    return app


if __name__ == "__main__":
    serve(lambda: create_app(sys.argv[2], sys.argv[3], sys.argv[4:]), int(sys.argv[1]))
