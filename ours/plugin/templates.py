"""Templates that many a default mapping has: where what a browser told may lie."""

USER_AGENT = "{{event.request_context.user_agent || event.default_properties.user_agent || visitor.user_agent}}"
"""The visitor's browser."""


def click_id(name: str) -> str:
    """The id that an advertisement's click left, or a vendor's cookie: ``click_id("gclid")``, ``click_id("fbp")``."""
    return f"{{{{event.default_properties.{name} || event.event_properties.{name} || visitor.{name}}}}}"
