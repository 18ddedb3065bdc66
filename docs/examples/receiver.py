import os
import sqlite3

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["SIGNING_SECRET"])  # whsec_…, as at the destination


@app.post("/webhooks/ours")
def receive() -> tuple[str, int]:
    body = request.get_data(as_text=True)
    try:
        webhook.verify(body, dict(request.headers))
    except WebhookVerificationError:
        return "The signature is wrong.", 401
    with sqlite3.connect("received.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS received (id TEXT PRIMARY KEY, body TEXT)")
        database.execute("INSERT OR IGNORE INTO received VALUES (?, ?)", (request.headers["webhook-id"], body))
    return "", 204
