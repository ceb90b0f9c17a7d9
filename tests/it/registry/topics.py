"""Sends orders to a topic, and computes the expected tables."""

import oracle
import serializers


def sent(topic, records, orders):
    """Sends records, and returns the tables; `orders` has each one's partition and order."""
    tables = oracle.Tables()
    for (partition, order), offset in zip(orders, serializers.produce(topic, records)):
        tables.record(topic, partition, offset, [order])
    return tables.lines()


class Sent:
    """Records of one topic, each with its expected result."""

    def __init__(self, topic):
        self.topic, self.records, self.expected = topic, [], []

    def add(self, payload, order, reason=None):
        self.records.append((0, None, payload))
        self.expected.append((order, reason))

    def name(self):
        return f"edge-{len(self.records)}"

    def tables(self):
        tables = oracle.Tables()
        offsets = serializers.produce(self.topic, self.records)
        for offset, (order, reason) in zip(offsets, self.expected):
            tables.record(self.topic, 0, offset, [order], reason)
        return tables.lines()


def is_reason(text):
    return text is not None and text.islower() and text[0].isalpha()
