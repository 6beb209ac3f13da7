// npm install express standardwebhooks
// Serves YOUR-ENDPOINT
import express from "express";
import { Webhook } from "standardwebhooks";

const app = express();
const webhook = new Webhook(process.env.WEBHOOK_SECRET);

app.post("/webhooks", express.raw({ type: "*/*" }), (request, response) => {
  try {
    webhook.verify(request.body, request.headers); // the raw bytes
  } catch {
    return response.sendStatus(401);
  }
  putAway(request.body); // process later
  response.sendStatus(200); // answer at once
});
