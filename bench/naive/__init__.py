"""The naive twin: what the tutorials of Flask, SQLAlchemy, marshmallow and RQ add up to. It does the same job: an event
is validated in full, stored with its visitor, and a job is queued for each destination."""
