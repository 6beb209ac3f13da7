// Publishes one event to Posthaste's inbox in each of the forms it takes, with confirms.

const amqp = require("amqplib");

// A protobuf field of bytes: tag, length, value (all shorter than 128 here).
const text = (number, value) => {
  const data = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, data.length]), data]);
};

async function main() {
  const connection = await amqp.connect(process.env.AMQP_URL);
  const channel = await connection.createConfirmChannel();
  const publish = (contentType, body, type) =>
    channel.publish("posthaste.inbox", "event", Buffer.from(body), {
      contentType,
      type,
      persistent: true,
      mandatory: true,
    });

  publish(
    "application/json",
    '{"tenant":"acme","event":"shipment.created","data":{"via":"json","n":1.10}}',
  );
  publish(
    "application/x-protobuf",
    Buffer.concat([text(1, "acme"), text(2, "shipment.created"), text(3, '{"via":"protobuf"}')]),
    "posthaste.v1.Event",
  );
  publish(
    "application/cloudevents+json",
    JSON.stringify({
      specversion: "1.0",
      id: "1",
      source: "/shipments",
      type: "shipment.created",
      tenant: "acme",
      data: { via: "cloudevents" },
    }),
  );
  await channel.waitForConfirms();
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
