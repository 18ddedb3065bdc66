"""Its job: one dispatch, one POST, one commit."""

from functools import cache

import requests
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench.naive.models import Dispatch, open_database


@cache
def _engine(database: str) -> Engine:
    return open_database(database)


def deliver(database: str, dispatch_id: int) -> None:
    with Session(_engine(database)) as session:
        dispatch = session.get_one(Dispatch, dispatch_id)
        event = dispatch.event
        body = {
            "type": event.name,
            "timestamp": event.received_at.isoformat(),
            "data": {"id": event.id, "distinctId": event.distinct_id, "userId": event.visitor.user_id,
                     "properties": event.body.get("eventProperties")},
        }  # fmt: skip
        answer = requests.post(dispatch.destination.url, json=body, timeout=20)
        dispatch.status = answer.status_code
        dispatch.state = "delivered" if answer.ok else "failed"
        session.commit()
