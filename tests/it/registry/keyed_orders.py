"""Orders whose ids are in their keys, both in Avro; a tombstone cancels."""

from decimal import Decimal
import random

from confluent_kafka.serialization import MessageField

import oracle
import serializers
import topics

KEY = {
    "type": "record",
    "name": "Key",
    "fields": [{"name": "shard", "type": "int"}, {"name": "id", "type": "string"}],
}

BY_KEY = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "product", "type": "string"},
        {"name": "qty", "type": "int"},
        {"name": "unit_price", "type": "double"},
    ],
}


def orders(plan):
    """Sends "records" orders to partition 0 of "topic"; returns the tables."""
    topic, draws = plan["topic"], random.Random(plan["seed"])
    key = serializers.Avro(topic, KEY, field=MessageField.KEY)
    value = serializers.Avro(topic, BY_KEY)
    records, all_orders = [], []
    for _ in range(plan["records"]):
        name = f"k{draws.randint(1, plan['records'] // 3)}"
        item = {
            "product": "Mesa",
            "quantity": Decimal(draws.randint(1, 9)),
            "price": oracle.cents(draws),
        }
        order = {"id": name, "lines": [item], "cancelled": draws.random() < 0.2}
        sale = {"product": "Mesa", "qty": int(item["quantity"]), "unit_price": float(item["price"])}
        records.append(
            (0, key({"shard": 7, "id": name}), None if order["cancelled"] else value(sale))
        )
        all_orders.append((0, order))
    return topics.sent(topic, records, all_orders)
