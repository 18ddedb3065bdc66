"""`python -m bench.load JOB`: do one job (JSON) and print what came of it (JSON)."""

import json
import sys
from dataclasses import asdict

from bench.load.client import Client
from bench.load.job import Job

print(json.dumps(asdict(Client(Job(**json.loads(sys.argv[1]))).run())))
