"""`python -m bench.senders ORDER`: fill one order (JSON) and print what was sent (JSON)."""

import importlib
import json
import sys
from dataclasses import asdict

from bench.senders.order import Order

order = Order(**json.loads(sys.argv[1]))
print(json.dumps(asdict(importlib.import_module(f"bench.senders.{order.way}").run(order))))
