"""librdkafka for tests: librdkafka.py BROKER.

Each line of the standard input is a plan, a JSON object whose "do" names a function below; each is
answered with one line of JSON, {"ok": ...} or {"error": "..."}. The program ends at the end of its
input, without ending open transactions. Bytes are in hexadecimal, null is null.
A record is [key, payload, headers], a header [name, value].
"""

import json
import os
import sys
import time
import traceback

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

BROKER = sys.argv[1]
DEADLINE = 40  # seconds, for a whole plan
ADMIN = AdminClient({"bootstrap.servers": BROKER})

# Errors of a client that knows no leader or a former one.
STALE = {
    KafkaError._NOENT,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError._TRANSPORT,
}

# The producer of `append`, after its first use.
lasting = []
# Messages of the current plan that were not written.
failures = []
# The producers with a transactional id, by that id; they are kept between plans.
transactional = {}
# The partitions that each open transaction has written to.
written = {}


def produce(plan):
    """Sends batches, each as one record batch, with a separate producer.

    Returns the bytes that went over the wire, which tells whether they went compressed.
    """
    statistics = []
    producer = make_producer(
        {
            "compression.type": plan["compression"],
            "statistics.interval.ms": 50,
            "stats_cb": statistics.append,
        }
    )
    for batch in plan["batches"]:
        send(producer, plan["topic"], batch)
    # The next message may have been queued before the last batch was sent.
    enough = len(statistics) + 2

    def reported():
        producer.poll(0.05)
        return len(statistics) >= enough

    wait(reported, "statistics")
    return json.loads(statistics[-1])["tx_bytes"]


def produce_apart(plan):
    """Sends each batch with a separate idempotent producer, which sends nothing more."""
    # All are created before the first is used: each needs half a second to get its id.
    producers = [make_producer({"enable.idempotence": True}) for _ in plan["batches"]]
    for producer, batch in zip(producers, plan["batches"]):
        send(producer, plan["topic"], batch)


def append(plan):
    """Sends batches with one idempotent producer, which is kept between plans and retries.

    Returns the offsets that each batch got.
    """
    if not lasting:
        settings = {"enable.idempotence": True, "acks": "all", "message.timeout.ms": DEADLINE * 1000}
        lasting.append(make_producer({**settings, "linger.ms": 5}))
    offsets = [[] for _ in plan["batches"]]
    for batch, got in zip(plan["batches"], offsets):
        enqueue(lasting[0], plan["topic"], batch, lambda message, it=got: it.append(message.offset()))
    finish(lasting[0])
    return offsets


def replicas(plan):
    """The leader and the in-sync replicas of each partition."""
    partitions = ADMIN.list_topics(plan["topic"], DEADLINE).topics[plan["topic"]].partitions
    return {number: [it.leader, it.isrs] for number, it in partitions.items()}


def members(plan):
    """The members of a consumer group: their client ids and assigned partitions."""
    asked = ADMIN.describe_consumer_groups([plan["group"]], request_timeout=DEADLINE)
    group = asked[plan["group"]].result(DEADLINE)
    return [
        [it.client_id, [[at.topic, at.partition] for at in it.assignment.topic_partitions]]
        for it in group.members
    ]


def transactions(plan):
    """Executes steps in sequence: [id, "begin" | "commit" | "abort"], or
    [id, "send", batch]; without an id it is not part of a transaction."""
    for who, what, *batch in plan["steps"]:
        if who is not None and who not in transactional:
            transactional[who] = make_producer(
                {"transactional.id": f"{plan['topic']} {who}", "transaction.timeout.ms": 600_000}
            )
            transactional[who].init_transactions(DEADLINE)
        producer = make_producer({}) if who is None else transactional[who]
        if what == "begin":
            producer.begin_transaction()
            written[who] = set()
        elif what == "send":
            send(producer, plan["topic"], batch[0])
            if who is not None:
                written[who].add((plan["topic"], batch[0]["partition"]))
        else:
            end(producer, who, commit=what == "commit")


def end(producer, who, commit):
    """Ends a transaction and waits for its markers, which the broker writes after its answer."""
    partitions = written.pop(who)
    before = {place: end_of(*place, IsolationLevel.READ_UNCOMMITTED) for place in partitions}
    (producer.commit_transaction if commit else producer.abort_transaction)(DEADLINE)
    for place, behind in before.items():
        still_open = any(place in others for others in written.values())

        def marked():
            stable = still_open or end_of(*place, IsolationLevel.READ_COMMITTED) > behind
            return stable and end_of(*place, IsolationLevel.READ_UNCOMMITTED) > behind

        wait(marked, f"marker in {place}")


def consume(plan):
    """All records that read_committed returns of a topic, and the end of each partition for it."""
    topic = plan["topic"]
    consumer = Consumer(
        {
            "bootstrap.servers": BROKER,
            "group.id": "librdkafka.py",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "check.crcs": True,
            "fetch.wait.max.ms": 20,
        }
    )
    partitions = consumer.list_topics(topic, DEADLINE).topics[topic].partitions
    logs = {
        partition: {"end": end_of(topic, partition, IsolationLevel.READ_COMMITTED), "records": []}
        for partition in partitions
    }
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in logs])
    unread = set(logs)

    def read():
        for message in consumer.consume(1000, 0.1):
            log = logs[message.partition()]
            error = message.error()
            if error is None:
                record = [message.offset(), text(message.key()), text(message.value())]
                log["records"].append(record)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise RuntimeError(error)
            elif message.offset() == log["end"]:
                unread.discard(message.partition())
        return not unread

    wait(read, f"end of {topic}")
    consumer.close()
    return logs


def make_producer(settings):
    return Producer(
        {
            "bootstrap.servers": BROKER,
            # A batch is sent when it is complete, by `flush`.
            "linger.ms": 20_000,
            "message.timeout.ms": 30_000,
            "batch.num.messages": 1_000_000,
            "batch.size": 16 << 20,
            "message.max.bytes": 16 << 20,
            **settings,
        }
    )


def send(producer, topic, batch):
    enqueue(producer, topic, batch)
    finish(producer)


def enqueue(producer, topic, batch, written=lambda _message: None):
    def delivered(error, message):
        if error is None:
            written(message)
        else:
            failures.append(error)

    for key, payload, headers in batch["records"]:
        producer.produce(
            topic,
            partition=batch["partition"],
            key=raw(key),
            value=raw(payload),
            headers=[(name, raw(value)) for name, value in headers],
            on_delivery=delivered,
        )


def finish(producer):
    late = producer.flush(DEADLINE)
    refused = failures.copy()
    failures.clear()
    if refused or late:
        raise RuntimeError(f"{late} records late, {len(refused)} refused: {refused[:1]}")


def end_of(topic, partition, isolation):
    """The high watermark, or with read_committed the last stable offset."""
    place = TopicPartition(topic, partition)
    admin, ends = ADMIN, []

    def answered():
        nonlocal admin
        try:
            asked = admin.list_offsets({place: OffsetSpec.latest()}, isolation_level=isolation)
            ends.append(asked[place].result(DEADLINE).offset)
        except KafkaException as error:
            if error.args[0].code() not in STALE:
                raise
            # After a restart of a broker the client does not refresh the leaders on its own.
            admin = AdminClient({"bootstrap.servers": BROKER})
        return ends

    wait(answered, f"end of {place}")
    return ends[0]


def wait(condition, expected):
    until = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"no {expected} within {DEADLINE} s")


def raw(text):
    return None if text is None else bytes.fromhex(text)


def text(raw):
    return None if raw is None else raw.hex()


PLANS = {
    plan.__name__: plan
    for plan in (produce, produce_apart, append, replicas, members, transactions, consume)
}

for line in sys.stdin:
    plan = json.loads(line)
    try:
        answer = {"ok": PLANS[plan["do"]](plan)}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
# A normal exit would abort open transactions.
os._exit(0)
