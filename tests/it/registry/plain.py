"""Records with given values."""

import base64
import io
import json

from confluent_kafka.serialization import MessageField
import fastavro

import serializers


def avro(plan):
    """Serializes "values" with the Avro schema "schema" and sends them to "topic", to its
    "partitions" in turn; returns the schema's id."""
    serialize = serializers.Avro(plan["topic"], plan["schema"], plan.get("subject"))
    values = [serialize(value) for value in plan["values"]]
    spread = [(number % plan["partitions"], None, it) for number, it in enumerate(values)]
    serializers.produce(plan["topic"], spread)
    return int.from_bytes(values[0][1:5], "big")


def json_schema(plan):
    """The same for "values" with the JSON Schema "schema", optionally with "keys"."""
    serialize = serializers.Json(plan["topic"], plan["schema"])
    key = serializers.Json(plan["topic"], plan["schema"], field=MessageField.KEY)
    values = [serialize(value) for value in plan["values"]]
    keys = [key(it) for it in plan.get("keys", [])] or [None] * len(values)
    pairs = enumerate(zip(keys, values))
    spread = [(number % plan["partitions"], key, it) for number, (key, it) in pairs]
    serializers.produce(plan["topic"], spread)
    return int.from_bytes(values[0][1:5], "big")


def protobuf(plan):
    """The same for "values" of the message "message" of the text "proto", whose file is "file"."""
    module = serializers.compiled({plan["file"]: plan["proto"]})
    message = module
    for name in plan["message"].split("."):
        message = getattr(message, name)
    serialize = serializers.Protobuf(plan["topic"], message, plan.get("subject"))
    values = [serialize(message(**value)) for value in plan["values"]]
    spread = [(number % plan["partitions"], None, it) for number, it in enumerate(values)]
    serializers.produce(plan["topic"], spread)
    return int.from_bytes(values[0][1:5], "big")


def encoded(plan):
    """The bytes of "values" without a header, in base64: with an Avro schema, or as messages."""
    if "schema" in plan:
        schema = fastavro.parse_schema(plan["schema"])

        def write(value):
            file = io.BytesIO()
            fastavro.schemaless_writer(file, schema, value)
            return file.getvalue()

    else:
        module = serializers.compiled({plan["file"]: plan["proto"]})
        message = getattr(module, plan["message"])

        def write(value):
            return message(**value).SerializeToString()

    return [base64.b64encode(write(value)).decode() for value in plan["values"]]


def read(plan):
    """The first "records" of partition 0 of "topic" as fastavro reads them, each with the schema
    of the id in its header."""
    values = []
    for payload in serializers.consume(plan["topic"], plan["records"]):
        file = io.BytesIO(payload)
        magic, schema_id = file.read(1), int.from_bytes(file.read(4), "big")
        if magic != b"\0":
            raise ValueError("no header")
        schema = fastavro.parse_schema(
            json.loads(serializers.REGISTRY.get_schema(schema_id).schema_str)
        )
        values.append(fastavro.schemaless_reader(file, schema))
        if file.read():
            raise ValueError("more bytes than the schema takes")
    return json.loads(json.dumps(values, default=str))
