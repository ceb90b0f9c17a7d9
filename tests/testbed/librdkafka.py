"""librdkafka in a test's service: librdkafka.py BROKER.

Each line of the standard input is a plan, a JSON object whose "do" names a function below; each is
answered with one line of JSON, {"ok": ...} or {"error": "..."}. The end of the input ends this
program, and leaves open what transactions are open. Bytes are written in hexadecimal, null is null.
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

# What a client gets that knows no leader, or one that led before.
STALE = {
    KafkaError._NOENT,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError._TRANSPORT,
}

# The producer of `append`, once there is one.
lasting = []
# What was not written of what is being sent.
failures = []
# The producers with a transactional id, by that id: they live on between plans.
transactional = {}
# The partitions that each open transaction has written to.
written = {}


def produce(plan):
    """Sends batches, each as one record batch, by a producer of its own.

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
    # The next one may have been drawn up before the last batch went.
    enough = len(statistics) + 2

    def reported():
        producer.poll(0.05)
        return len(statistics) >= enough

    wait(reported, "statistics")
    return json.loads(statistics[-1])["tx_bytes"]


def produce_apart(plan):
    """Sends each batch by an idempotent producer of its own, which sends nothing more."""
    # All of them before the first is used: each takes half a second to get its id.
    producers = [make_producer({"enable.idempotence": True}) for _ in plan["batches"]]
    for producer, batch in zip(producers, plan["batches"]):
        send(producer, plan["topic"], batch)


def append(plan):
    """Sends batches by one idempotent producer, which lives on between plans and outlasts brokers.

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
    """The leader of each partition, and the replicas that are in sync with it."""
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
    """Carries out steps, one after the other: [id, "begin" | "commit" | "abort"], or
    [id, "send", batch]; without an id it is no part of any transaction."""
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
    """Ends a transaction and waits until its markers are there: the broker answers before."""
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
    """All that read_committed delivers of a topic, and where each partition ends for it."""
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
            # A batch goes when it is complete, which `flush` says.
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
    """The high watermark, or read committed the last stable offset."""
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
            # The client does not ask again by itself who leads after a broker has restarted.
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
# The ordinary end would abort what is open.
os._exit(0)
