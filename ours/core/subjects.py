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


def event(event_id: str) -> str:
    return f"event {event_id}"


def dispatch(dispatch_id: str) -> str:
    return f"dispatch {dispatch_id}"


def plugin(name: str) -> str:
    """As far as it can be kept."""
    return f"plugin {name}"[:100]


def read(subject: str) -> tuple[str, str]:
    """What kind of thing it is, and which; nothing says which where there is but one."""
    kind, _, key = subject.partition(" ")
    return kind, key


def destination_of(subject: str) -> int | None:
    """None when it is of something else."""
    kind, key = read(subject)
    return int(key) if kind == "destination" and key.isdecimal() else None
