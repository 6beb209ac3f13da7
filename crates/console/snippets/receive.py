# pip install flask standardwebhooks
# Serves YOUR-ENDPOINT
import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@app.post("/webhooks")
def receive():
    body = request.get_data()  # the raw bytes
    try:
        webhook.verify(body, dict(request.headers))
    except WebhookVerificationError:
        return "", 401
    put_away(body)  # process later
    return "", 200  # answer at once
