"""Publishes one event to Posthaste's inbox in each of the forms it takes, with confirms."""

import json
import os

import pika


def text(number, value):
    """A protobuf field of bytes: tag, length, value (all shorter than 128 here)."""
    data = value.encode()
    return bytes([number << 3 | 2, len(data)]) + data


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.confirm_delivery()


def publish(content_type, body, kind=None):
    properties = pika.BasicProperties(content_type=content_type, type=kind, delivery_mode=2)
    channel.basic_publish("posthaste.inbox", "event", body, properties, mandatory=True)


publish("application/json", '{"tenant":"acme","event":"shipment.created","data":{"via":"json","n":1.10}}')
publish(
    "application/x-protobuf",
    text(1, "acme") + text(2, "shipment.created") + text(3, '{"via":"protobuf"}'),
    "posthaste.v1.Event",
)
publish(
    "application/cloudevents+json",
    json.dumps(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/shipments",
            "type": "shipment.created",
            "tenant": "acme",
            "data": {"via": "cloudevents"},
        },
        separators=(",", ":"),
    ),
)
connection.close()
