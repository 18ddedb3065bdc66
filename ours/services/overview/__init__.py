"""Read models: what screens and the command line show of events, dispatches and figures. Nothing here writes."""

from ours.services.overview.events import Filters, read_cursor
from ours.services.overview.service import Overview
from ours.services.overview.sieve import Sieve
from ours.services.overview.views import Dispatch, Event, Health, Page, Row, Slot

__all__ = ["Dispatch", "Event", "Filters", "Health", "Overview", "Page", "Row", "Sieve", "Slot", "read_cursor"]
