"""Bodies and answers as a caller would write and read them; the tests send the former and expect the latter."""

from typing import Any

Json = dict[str, Any]

TRACK: dict[str, Json] = {
    "purchase": {
        "token": "your-api-key",
        "event": "Purchase",
        "userId": "user123",
        "distinctId": "order-1001",
        "eventProperties": {"amount": 99.99, "product": "Premium Plan"},
    },
    "with all that is known": {
        "token": "your-api-key",
        "event": "Appointment Booked",
        "externalId": "crm-4711",
        "email": "john@example.com",
        "time": 1754874909594,
        "distinctId": "appointment-77",
        "eventProperties": {"clinic": "North", "first_visit": True},
        "userProperties": {
            "first_name": "John",
            "phone_number": "+1 555 010 0000",
            "consent": {"accepted_categories": ["analytics"]},
            "custom_properties": {"plan": "premium"},
        },
        "defaultProperties": {"current_url": "https://example.com/book", "gclid": "click-1"},
        "identityContext": {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"},
    },
}

IDENTIFY: dict[str, Json] = {
    "profile": {
        "token": "your-api-key",
        "userId": "user123",
        "userProperties": {
            "email": "john@example.com",
            "first_name": "John",
            "last_name": "Doe",
            "custom_properties": {"plan": "premium"},
        },
    },
}

BATCH: dict[str, Json] = {
    "two events": {
        "token": "your-api-key",
        "events": [
            {"event": "Purchase", "distinctId": "order-1001", "userId": "user123"},
            {"event": "Refund", "distinctId": "refund-1001", "userId": "user123"},
        ],
    },
}

_TAKEN: Json = {
    "index": 0,
    "success": True,
    "eventId": "0198c2f1a4b07c3e9d5e6f708192a3b4",
    "distinctId": "order-1001",
    "duplicate": False,
    "warnings": [],
}
_WRONG: Json = {
    "index": 1,
    "success": False,
    "code": "invalid_event",
    "message": "distinctId: This field is required.",
    "errors": {"distinctId": ["This field is required."]},
}

TAKEN: dict[str, Json] = {
    "track": {"success": True, "eventId": "0198c2f1a4b07c3e9d5e6f708192a3b4", "distinctId": "order-1001"},
    "identify": {"success": True},
    "batch": {"success": True, "accepted": 1, "failed": 0, "results": [_TAKEN]},
}
PARTLY_TAKEN: Json = {"success": True, "accepted": 1, "failed": 1, "results": [_TAKEN, _WRONG]}
