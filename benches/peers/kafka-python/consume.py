"""The first challenge's way: kafka-python, ThreadPoolExecutor(10), psycopg2, an INSERT per order.

From the challenge's description: batches of 100 messages; a pool of ten threads, to which
`executor.map` gives each message of a batch; invalid messages are logged and skipped; psycopg2;
each order is inserted and committed separately. Its source is not available; where the
description is incomplete, this program uses the faster option:

- the pool is created once instead of for each batch;
- each thread keeps one connection, in autocommit, so that an order is one round trip;
- kafka-python commits the offsets every five seconds, its default.

Differences: totals are exact decimals, and a repeated order replaces the earlier version.
"""

import json
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg2
from kafka import KafkaConsumer

INSERT = """
    INSERT INTO sales (order_number, total, processed_at)
    VALUES (%s, %s, now() AT TIME ZONE 'UTC')
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, processed_at = excluded.processed_at
"""

log = logging.getLogger("peer")
worker = threading.local()


def connect():
    """Opens the connection and the cursor of the calling thread."""
    connection = psycopg2.connect(
        host=os.environ["BENCH_DATABASE_HOST"],
        port=os.environ["BENCH_DATABASE_PORT"],
        user=os.environ["BENCH_DATABASE_USER"],
        password=os.environ["BENCH_DATABASE_PASSWORD"],
        dbname=os.environ["BENCH_DATABASE_NAME"],
        options="-c synchronous_commit=off",
    )
    connection.autocommit = True
    worker.cursor = connection.cursor()


def process_message(message):
    """Inserts the order of one message; returns whether it was valid."""
    try:
        order = json.loads(message.value, parse_float=Decimal)
        total = sum(item["qty"] * item["value_unit"] for item in order["order_items"])
        number = order["order_number"]
    except (ValueError, KeyError, TypeError) as error:
        log.warning("message at %s:%s is no order: %s", message.partition, message.offset, error)
        return False
    worker.cursor.execute(INSERT, (number, total))
    return True


def main():
    logging.basicConfig(level=logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    consumer = KafkaConsumer(
        os.environ["BENCH_TOPIC"],
        bootstrap_servers=os.environ["BENCH_BROKERS"],
        # A group for each database, which reads the whole topic.
        group_id=f"{os.environ['BENCH_TOPIC']}-{os.environ['BENCH_DATABASE_NAME']}",
        auto_offset_reset="earliest",
        max_poll_records=100,
    )
    with ThreadPoolExecutor(max_workers=10, initializer=connect) as executor:
        while True:
            polled = consumer.poll(timeout_ms=1000)
            messages = [message for records in polled.values() for message in records]
            list(executor.map(process_message, messages))


if __name__ == "__main__":
    main()
