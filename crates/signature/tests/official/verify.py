"""Verifies deliveries with the official library, and that it refuses the same ones tampered with.

Each line of the input is a JSON object: secret, headers, and the body in base64.
"""

import base64
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

count = 0
for line in sys.stdin:
    delivery = json.loads(line)
    body = base64.b64decode(delivery["body"])
    webhook = Webhook(delivery["secret"])
    webhook.verify(body, delivery["headers"], json_parse=False)
    try:
        webhook.verify(body + b" ", delivery["headers"], json_parse=False)
    except WebhookVerificationError:
        count += 1
print(count)
