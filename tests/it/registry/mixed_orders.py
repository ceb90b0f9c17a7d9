"""The same orders in four formats in one topic, with the built-in names and without a mapping."""

from decimal import Decimal
import json
import random

import oracle
import serializers
import topics

AVRO = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "order_number", "type": ["null", "long"]},
        {
            "name": "items",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Item",
                    "fields": [
                        {"name": "product", "type": "string"},
                        {"name": "qty", "type": "int"},
                        {"name": "unit_price", "type": "double"},
                    ],
                },
            },
        },
        {"name": "sold_at", "type": "string"},
        {
            "name": "total",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
        },
    ],
}

JSON = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": {"order_number": {"type": ["integer", "null"]}, "items": {"type": "array"}},
}

PROTOBUF = """
syntax = "proto3";
package shop.mixed;

message Order {
  optional int64 order_number = 1;
  message Item {
    string product = 1;
    int32 qty = 2;
    string unit_price = 3;
  }
  repeated Item items = 2;
  string sold_at = 3;
  string total = 4;
}
"""


def orders(plan):
    """Sends "records" orders to "topic" with "partitions"; returns the tables.

    Each order comes twice: what the later record says, in another format, counts.
    """
    topic, draws = plan["topic"], random.Random(plan["seed"])
    messages = serializers.compiled({"shop/mixed.proto": PROTOBUF})
    serialize = [
        serializers.Avro(topic, AVRO, f"{topic}-avro"),
        serializers.Json(topic, JSON, f"{topic}-json"),
        serializers.Protobuf(topic, messages.Order, f"{topic}-protobuf"),
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, indent=2, ensure_ascii=False).encode(),
    ]
    records, all_orders = [], []
    for number in range(plan["records"]):
        partition = number % plan["partitions"]
        # In one partition, so that the order of the two is defined.
        order_number = number // plan["partitions"] // 2 * plan["partitions"] + partition
        order = oracle.draw(draws, None)
        bad = order.pop("id") is None and draws.random() < 0.02
        order["number"] = order_number
        order["cancelled"] = False
        order["charges"] = Decimal(0)
        for item in order["lines"]:
            item["quantity"] = item["quantity"] or Decimal(-1)
            item["price"] = item["price"].quantize(Decimal("0.01"))
        oracle.state_total(order)
        at = order["sold_at"].replace(tzinfo=None)
        order["sold_at"] = at
        way = draws.randrange(len(serialize))
        value = {
            "order_number": None if bad else order_number,
            "items": [
                {
                    "product": it["product"],
                    "qty": int(it["quantity"]),
                    "unit_price": float(it["price"]),
                }
                for it in order["lines"]
            ],
            "sold_at": at.isoformat(),
            "total": float(order["total"]),
        }
        if bad:
            del order["number"]
        if way == 0:
            value["total"] = order["total"]
        elif way == 2:
            items = value.pop("items")
            total = str(order["total"])
            if bad:
                del value["order_number"]
            value = messages.Order(**{**value, "total": total})
            for item in items:
                value.items.add(
                    product=item["product"], qty=item["qty"], unit_price=str(item["unit_price"])
                )
        elif way > 2:
            value["total"] = str(order["total"])
        records.append((partition, None, serialize[way](value)))
        all_orders.append((partition, order))
    return topics.sent(topic, records, all_orders)
