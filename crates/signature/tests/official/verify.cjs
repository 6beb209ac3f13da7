// Verifies deliveries with the official library, and that it refuses the same ones tampered with.
// Each line of the input is a JSON object: secret, headers, and the body in base64.
const { readFileSync } = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

let count = 0;
for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const delivery = JSON.parse(line);
  const body = Buffer.from(delivery.body, "base64");
  const webhook = new Webhook(delivery.secret);
  webhook.verify(body, delivery.headers, { jsonParse: false });
  try {
    webhook.verify(Buffer.concat([body, Buffer.from(" ")]), delivery.headers, { jsonParse: false });
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    count += 1;
  }
}
console.log(count);
