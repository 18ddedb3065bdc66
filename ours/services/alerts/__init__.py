"""Alerts: what is not well is noticed, told once, told again each day while it lasts, and told when it is over."""

from ours.services.alerts.service import Alert, Alerts
from ours.services.alerts.telling import Told

__all__ = ["Alert", "Alerts", "Told"]
