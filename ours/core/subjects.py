"""What the audit log, the versions and the alerts call the thing that they speak of. Each finds the other's by it."""


def source(source_id: int) -> str:
    return f"source {source_id}"


def destination(destination_id: int) -> str:
    return f"destination {destination_id}"


def visitor(visitor_id: str) -> str:
    return f"visitor {visitor_id}"


def person(person_id: int) -> str:
    return f"person {person_id}"


def token(token_id: int) -> str:
    return f"token {token_id}"


def replay(replay_id: int) -> str:
    return f"replay {replay_id}"
