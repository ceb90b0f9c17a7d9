"""Confluent's serializers for tests: serve() with the arguments BROKER and REGISTRY.

Each line of the standard input is a plan, a JSON object whose "do" names a function as
MODULE.FUNCTION. It is called with the plan and answered with one line of JSON, {"ok": ...} or
{"error": "..."}.
"""

import importlib
import json
import os
import sys
import time
import traceback

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from grpc_tools import protoc

BROKER = sys.argv[1]
REGISTRY = SchemaRegistryClient({"url": sys.argv[2]})
DEADLINE = 40  # seconds, for a whole plan


def register(plan):
    """Registers the schema "text" of "kind" under "subject", and returns its id."""
    schema = Schema(plan["text"], plan["kind"], references(plan.get("references", [])))
    return REGISTRY.register_schema(plan["subject"], schema)


def references(named):
    """References to the first version of subjects, from pairs of a name and a subject."""
    return [SchemaReference(name, subject, 1) for name, subject in named]


class Avro:
    """Serializes Python values with an Avro schema, which it registers under `subject`."""

    def __init__(self, topic, schema, subject=None, refers_to=(), field=MessageField.VALUE):
        self.context = SerializationContext(topic, field)
        self.subject = subject or f"{topic}-{field}"
        schema = Schema(json.dumps(schema), "AVRO", references(refers_to))
        self.serializer = AvroSerializer(
            REGISTRY, schema, conf={"subject.name.strategy": lambda *_: self.subject}
        )

    def __call__(self, value):
        return self.serializer(value, self.context)


class Json:
    """Serializes Python values with a JSON Schema, which it registers under `subject`."""

    def __init__(self, topic, schema, subject=None, field=MessageField.VALUE):
        self.context = SerializationContext(topic, field)
        subject = subject or f"{topic}-{field}"
        self.serializer = JSONSerializer(
            json.dumps(schema), REGISTRY, conf={"subject.name.strategy": lambda *_: subject}
        )

    def __call__(self, value):
        return self.serializer(value, self.context)


class Protobuf:
    """Serializes messages of one type, whose schema it registers under `subject`."""

    def __init__(self, topic, message, subject=None):
        self.context = SerializationContext(topic, MessageField.VALUE)
        subject = subject or f"{topic}-value"
        # Imported files are registered under their names, which other topics use too.
        strategies = {
            "subject.name.strategy": lambda *_: subject,
            "reference.subject.name.strategy": lambda context, ref: f"{context.topic}-{ref.name}",
        }
        self.serializer = ProtobufSerializer(
            message, REGISTRY, conf={"use.deprecated.format": False, **strategies}
        )

    def __call__(self, message):
        return self.serializer(message, self.context)


def compiled(files):
    """Compiles .proto files, texts by name, and returns the module of the last.

    A name compiled twice in one process must have the same text.
    """
    for name, text in files.items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "w") as file:
            file.write(text)
    standard = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    common = os.path.dirname(os.path.dirname(importlib.import_module("google.type").__path__[0]))
    paths = [f"-I{path}" for path in (".", standard, common)]
    if protoc.main(["protoc", *paths, "--python_out=.", *files]) != 0:
        raise RuntimeError(f"protoc failed for {list(files)}")
    importlib.invalidate_caches()
    modules = [name.removesuffix(".proto").replace("/", ".") + "_pb2" for name in files]
    return [importlib.import_module(module) for module in modules][-1]


def produce(topic, records):
    """Sends (partition, key, value) in sequence; None is null. Returns their offsets."""
    producer = Producer(
        {"bootstrap.servers": BROKER, "linger.ms": 20, "enable.idempotence": True, "acks": "all"}
    )
    offsets = [None] * len(records)
    failures = []

    def delivered(position):
        def told(error, message):
            if error is None:
                offsets[position] = message.offset()
            else:
                failures.append(error)

        return told

    for position, (partition, key, value) in enumerate(records):
        while True:
            try:
                producer.produce(
                    topic,
                    partition=partition,
                    key=key,
                    value=value,
                    on_delivery=delivered(position),
                )
                break
            except BufferError:
                producer.poll(1)
    late = producer.flush(DEADLINE)
    if late or failures:
        raise RuntimeError(f"{late} records late, {len(failures)} refused: {failures[:1]}")
    return offsets


def consume(topic, count):
    """The values of the first records of partition 0."""
    consumer = Consumer(
        {"bootstrap.servers": BROKER, "group.id": topic, "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    values = []
    until = time.monotonic() + DEADLINE
    while len(values) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(values)} records of {count} within {DEADLINE} s")
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            values.append(message.value())
    consumer.close()
    return values


def serve():
    for line in sys.stdin:
        plan = json.loads(line)
        try:
            module, function = plan["do"].rsplit(".", 1)
            answer = {"ok": getattr(importlib.import_module(module), function)(plan)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
    os._exit(0)
