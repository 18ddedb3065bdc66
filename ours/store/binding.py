"""What a sealed value is bound to: its row. Who seals and who opens must say the same, so each is written down here."""


def settings(destination_id: int) -> str:
    return f"destinations:{destination_id}:settings"


def event(event_id: str) -> str:
    return f"events:{event_id}"


def visitor(visitor_id: str) -> str:
    return f"visitors:{visitor_id}"


def attempt(dispatch_id: str, number: int) -> str:
    return f"attempts:{dispatch_id}:{number}"


def version(version_id: str) -> str:
    return f"versions:{version_id}"


def key(hashed: str) -> str:
    return f"keys:{hashed}"


def second_factor(person_id: int) -> str:
    return f"second_factors:{person_id}"


def keepsake(name: str) -> str:
    return name


def backup() -> str:
    return "backup"
