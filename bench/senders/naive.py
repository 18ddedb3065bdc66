"""The naive twin's worker: RQ forks for every job, and a job is one dispatch."""

import time
from pathlib import Path

from redis import Redis
from rq import Queue, Worker
from sqlalchemy.orm import Session

from bench.load.bodies import event
from bench.naive.app import KEY, seed, store
from bench.naive.models import Dispatch, open_database
from bench.senders.order import Order, Sent
from bench.servers import queue as embedded_queue


def run(order: Order) -> Sent:
    home = Path(order.home)
    database = f"sqlite:///{home / 'naive.db'}"
    engine = open_database(database)
    seed(engine, [order.url])
    with Session(engine) as session:
        made = [one for number in range(order.count) for one in store(session, KEY, event("naive", number))]
        session.commit()
        ids = [dispatch.id for dispatch in made]
    engine.dispose()
    with embedded_queue(home) as socket, Redis(unix_socket_path=str(socket)) as connection:
        queue = Queue("naive", connection=connection)
        for dispatch_id in ids:
            queue.enqueue("bench.naive.jobs.deliver", database, dispatch_id)
        begun = time.monotonic()
        Worker([queue], connection=connection).work(burst=True, logging_level="WARNING")
        seconds = time.monotonic() - begun
    with Session(engine) as session:
        return Sent(count=session.query(Dispatch).filter_by(state="delivered").count(), seconds=seconds)
