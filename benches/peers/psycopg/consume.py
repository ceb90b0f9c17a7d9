"""The best Python: confluent-kafka, msgspec, psycopg 3, one UNNEST and one commit per batch.

PROCESSES processes, each with fixed partitions. The offsets are committed to the consumer group
after the database's commit: at least once. msgspec decodes decimals from the digits of the JSON,
so that totals are exact.
"""

import os
import signal
import sys
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.connection import wait

import msgspec
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

PROCESSES = 2
BATCH = 2000

UPSERT = """
    INSERT INTO sales (order_number, total, processed_at)
    SELECT number, total, now() AT TIME ZONE 'UTC'
    FROM UNNEST(%s::int[], %s::numeric[]) AS batch (number, total)
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, processed_at = excluded.processed_at
"""


class Item(msgspec.Struct, gc=False):
    qty: Decimal
    value_unit: Decimal


class Order(msgspec.Struct, gc=False):
    order_number: int
    order_items: list[Item]


def consumer():
    return Consumer(
        {
            "bootstrap.servers": os.environ["BENCH_BROKERS"],
            "group.id": f"{os.environ['BENCH_TOPIC']}-{os.environ['BENCH_DATABASE_NAME']}",
            "enable.auto.commit": False,
        }
    )


def partitions():
    described = consumer().list_topics(os.environ["BENCH_TOPIC"], timeout=30)
    return sorted(described.topics[os.environ["BENCH_TOPIC"]].partitions)


def array(values):
    """PostgreSQL's array syntax. A single text is bound faster than an object for each element."""
    return "{" + ",".join(map(str, values)) + "}"


def work(share):
    """Upserts the orders of these partitions until it is ended."""
    decode = msgspec.json.Decoder(Order).decode
    kafka = consumer()
    # Each process has fixed partitions: no rebalance during a measurement.
    kafka.assign([TopicPartition(os.environ["BENCH_TOPIC"], p, OFFSET_BEGINNING) for p in share])
    with psycopg.connect(
        host=os.environ["BENCH_DATABASE_HOST"],
        port=os.environ["BENCH_DATABASE_PORT"],
        user=os.environ["BENCH_DATABASE_USER"],
        password=os.environ["BENCH_DATABASE_PASSWORD"],
        dbname=os.environ["BENCH_DATABASE_NAME"],
        options="-c synchronous_commit=off",
    ) as database:
        cursor = database.cursor()
        while True:
            # All available messages, or the next one if there are none.
            messages = kafka.consume(BATCH, timeout=0) or kafka.consume(1, timeout=1)
            # An upsert must not contain a row twice; the last one counts.
            totals = {}
            for message in messages:
                if message.error():
                    raise RuntimeError(message.error())
                order = decode(message.value())
                total = sum(item.qty * item.value_unit for item in order.order_items)
                totals[order.order_number] = total
            if totals:
                cursor.execute(UPSERT, (array(totals), array(totals.values())), prepare=True)
                database.commit()
                kafka.commit(asynchronous=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    every = partitions()
    # Daemon processes end with this one.
    processes = [
        get_context("spawn").Process(target=work, args=(every[i::PROCESSES],), daemon=True)
        for i in range(min(PROCESSES, len(every)))
    ]
    for process in processes:
        process.start()
    wait([process.sentinel for process in processes])
    sys.exit("a process ended")


if __name__ == "__main__":
    main()
