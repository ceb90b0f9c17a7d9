"""Edge cases of Protocol Buffers, each with its expected result."""

from datetime import datetime
from decimal import Decimal
import math

import serializers
from topics import Sent, is_reason

PROTO = """
syntax = "proto2";
package shop.edges;

import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/decimal.proto";
import "google/type/money.proto";

message Order {
  optional string order_id = 1;
  oneof worth {
    google.type.Money total = 2;
    google.type.Decimal amount = 3;
    google.protobuf.DoubleValue wrapped = 4;
    float single = 5;
    double valor_total = 17;
  }
  optional google.protobuf.Timestamp sold_at = 6;
  repeated Item items = 7;
  optional Deep deep = 8;
  map<string, Deep> deeps = 9;
  repeated group Group = 10 { optional string total = 1; }
}

message Deep { optional Deep below = 1; repeated int32 packed = 2 [packed = true]; }

message Item {
  optional string product = 1;
  // Absent fields have their defaults.
  optional int32 qty = 2 [default = 3];
  optional double unit_price = 3;
}
"""


def edges(plan):
    messages = serializers.compiled({"shop/edges.proto": PROTO})
    serialize = serializers.Protobuf(plan["topic"], messages.Order)
    sent = Sent(plan["topic"])

    def add(message, comes_to, **order):
        name = sent.name()
        message.order_id = name
        reason = comes_to if is_reason(comes_to) else None
        total = None if reason or comes_to is None else Decimal(comes_to)
        sent.add(serialize(message), {"id": name, "lines": [], "total": total, **order}, reason)

    for units, nanos, comes_to in (
        (19, 990_000_000, "19.99"),
        (0, 0, "0"),
        (0, 100_000, "0.0001"),
        (0, 10_000, "out_of_range"),
        (-1, -500_000_000, "negative_total"),
        (1, -500_000_000, "invalid_number"),
        (10**16, 0, "out_of_range"),
        (10**16 - 1, 990_000_000, "9999999999999999.99"),
    ):
        message = messages.Order()
        message.total.units, message.total.nanos = units, nanos
        add(message, comes_to)
    for value, comes_to in (
        ("19.99", "19.99"),
        ("-0.01", "negative_total"),
        ("12.34000001", "out_of_range"),
        ("2.5e1", "25"),
        ("twelve", "invalid_number"),
    ):
        add(messages.Order(amount={"value": value}), comes_to)
    add(messages.Order(wrapped={"value": 0.1 + 0.2}), "0.3")
    add(messages.Order(wrapped={}), "0")
    add(messages.Order(single=19.9), "19.9")
    for value, comes_to in (
        (349.9, "349.9"),
        (math.nan, "invalid_number"),
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
    ):
        add(messages.Order(valor_total=value), comes_to)
    for seconds, nanos, sold_at in (
        (0, 0, "1969-12-31T21:00:00"),
        (-1, 999_999_999, "1969-12-31T20:59:59.999999"),
        (1_795_000_000, 123_456_789, "2026-11-18T08:06:40.123456"),
        (2**62, 0, None),
        (0, -1, None),
        (0, 1_000_000_000, None),
    ):
        message = messages.Order(valor_total=1)
        message.sold_at.seconds, message.sold_at.nanos = seconds, nanos
        if sold_at is None:
            add(message, "invalid_date")
        else:
            add(message, "1", sold_at=datetime.fromisoformat(sold_at))
    # An empty Timestamp is the epoch, and an absent one is no time.
    add(messages.Order(valor_total=1, sold_at={}), "1", sold_at=datetime(1969, 12, 31, 21))
    add(messages.Order(valor_total=1), "1")
    line = {"product": "p", "quantity": Decimal(3), "price": Decimal("1.5")}
    add(messages.Order(items=[{"product": "p", "unit_price": 1.5}]), None, lines=[line])
    # An unused message is skipped as a whole, however deep it is.
    for depth in (3, 90, 200):
        message = messages.Order(valor_total=1)
        below = message.deep
        for _ in range(depth):
            below.packed.extend([1, 2])
            below = below.below
        below.packed.append(1)
        add(message, "1")
    message = messages.Order(valor_total=1)
    message.deeps["a"].below.packed.append(7)
    message.group.add(total="666")
    add(message, "1")
    # Concatenated messages are merged: the last value counts, and lists are appended.
    first = messages.Order(valor_total=2, items=[{"product": "p", "unit_price": 1.5}])
    second = messages.Order(valor_total=9, items=[{"product": "p", "unit_price": 1.5}])
    name = sent.name()
    second.order_id = name
    payload = serialize(first) + second.SerializeToString()
    sent.add(payload, {"id": name, "lines": [line, line], "total": Decimal(9)})
    # Fields that are not in the schema.
    name = sent.name()
    payload = (
        serialize(messages.Order(order_id=name, valor_total=1)) + b"\xba\x3e\x03abc\xc0\x3e\x01"
    )
    sent.add(payload, {"id": name, "lines": [], "total": Decimal(1)})
    for rest in (
        b"\xba",
        b"\x3a\xff\xff\xff\xff\x07",
        b"\x07",
        b"\x0f",
        b"\x54",
        b"\x53",
        b"\x00\x00",
    ):
        name = sent.name()
        payload = serialize(messages.Order(order_id=name, valor_total=1)) + rest
        sent.add(payload, {"id": name, "lines": []}, "not_protobuf")
    return sent.tables()
