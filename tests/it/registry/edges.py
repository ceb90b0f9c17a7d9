"""Values at the edges of what the formats can say, each with what it comes to, by the built-in names."""

from datetime import datetime, timezone
from decimal import Decimal
import io
import math

import fastavro

import oracle
import serializers

ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [{"name": "product", "type": "string"}, {"name": "qty", "type": "int"}, {"name": "unit_price", "type": "int"}],
}

DEEP = {
    "type": "record",
    "name": "Deep",
    "fields": [{"name": "below", "type": ["null", "Deep"]}],
}

MONEY = {
    "type": "record",
    "name": "Money",
    "fields": [{"name": "currency_code", "type": "string"}, {"name": "units", "type": "long"}, {"name": "nanos", "type": "int"}],
}


def decimal(precision, scale, **other):
    return {"type": "bytes", **other, "logicalType": "decimal", "precision": precision, "scale": scale}


def fixed(size, precision, scale):
    return decimal(precision, scale, type="fixed", size=size, name="Fixed")


def long(logical):
    return {"type": "long", "logicalType": logical}


# The type of `total`, its value, and the total or the reason that it comes to.
TOTALS = [
    ("double", math.nan, "invalid_number"),
    ("double", math.inf, "invalid_number"),
    ("double", 0.1 + 0.2, "0.3"),
    ("double", 349.90000000000003, "349.9"),
    ("double", -0.0, "0"),
    ("double", 12.345678, "out_of_range"),
    ("double", 1e15, "1000000000000000"),
    ("double", 1e300, "out_of_range"),
    ("double", 5e-324, "0"),
    ("float", 349.9, "349.9"),
    ("float", 16777216.0, "16777216"),
    ("float", 0.1, "0.1"),
    ("float", math.nan, "invalid_number"),
    # Never a rounding: this is no float.
    (decimal(20, 8), Decimal("12.34000001"), "out_of_range"),
    (decimal(20, 8), Decimal("12.34000000"), "12.34"),
    (decimal(38, 18), Decimal("1.000000000000000001"), "out_of_range"),
    (decimal(18, 2), Decimal("9999999999999999.99"), "9999999999999999.99"),
    (decimal(20, 2), Decimal("10000000000000000.00"), "out_of_range"),
    (decimal(60, 2), Decimal(10) ** 50, "out_of_range"),
    (decimal(20, 2), Decimal("-0.01"), "negative_total"),
    (decimal(20, 0), Decimal(7), "7"),
    # Sign bytes that need not be there.
    (decimal(20, 2), b"\x00\x00\x00\x00\x7b", "1.23"),
    (decimal(20, 2), b"\x00" * 40 + b"\x7b", "1.23"),
    (decimal(20, 2), b"\xff\xff\xff\x85", "negative_total"),
    (fixed(16, 38, 2), Decimal("1.23"), "1.23"),
    (fixed(16, 38, 2), Decimal("-1.23"), "negative_total"),
    (fixed(20, 45, 2), Decimal("1.23"), "1.23"),
    (fixed(1, 2, 1), Decimal("1.2"), "1.2"),
    ("string", "12.30", "12.3"),
    ("string", "12,30", "invalid_number"),
    ("bytes", b"12.30", "invalid_number"),
    ("boolean", True, "invalid_number"),
    ("int", 5, "5"),
    ("long", 2**62, "out_of_range"),
    (MONEY, {"currency_code": "BRL", "units": 19, "nanos": 990_000_000}, "19.99"),
    (["null", MONEY], {"currency_code": "BRL", "units": 0, "nanos": 10_000_000}, "0.01"),
    (MONEY, {"currency_code": "BRL", "units": 1, "nanos": 1}, "out_of_range"),
    (MONEY, {"currency_code": "BRL", "units": 1, "nanos": -10_000_000}, "invalid_number"),
    (["null", "double"], None, "no_items_no_total"),
    ([{"type": "enum", "name": "None", "symbols": ["A"]}, "null"], "A", "invalid_number"),
]

# The type of `sold_at`, its value, and the time at the shop or the reason.
TIMES = [
    (long("timestamp-millis"), 0, "1969-12-31T21:00:00"),
    (long("timestamp-millis"), -1, "1969-12-31T20:59:59.999000"),
    (long("timestamp-micros"), 1_795_000_000_123_456, "2026-11-18T08:06:40.123456"),
    (long("timestamp-micros"), 2**63 - 1, "invalid_date"),
    (long("timestamp-millis"), -(2**63), "invalid_date"),
    (long("timestamp-nanos"), 1_795_000_000_123_456_789, "2026-11-18T08:06:40.123456"),
    (long("local-timestamp-millis"), 1_795_000_000_123, "2026-11-18T11:06:40.123000"),
    (long("local-timestamp-micros"), 1_795_000_000_123_456, "2026-11-18T11:06:40.123456"),
    (long("local-timestamp-nanos"), 1_795_000_000_123_456_789, "2026-11-18T11:06:40.123456"),
    (long("local-timestamp-micros"), 2**63 - 1, "invalid_date"),
    ({"type": "int", "logicalType": "date"}, 20_000, "2024-10-04T00:00:00"),
    ({"type": "int", "logicalType": "date"}, -1, "1969-12-31T00:00:00"),
    ({"type": "int", "logicalType": "date"}, -(2**31), "invalid_date"),
    # No logical type: told apart by magnitude.
    ("long", 1_795_000_000, "2026-11-18T08:06:40"),
    ("long", 1_795_000_000_000, "2026-11-18T08:06:40"),
    ("long", 20_261_122, "invalid_date"),
    # A logical type that nobody knows is none.
    (long("timestamp-of-ours"), 1_795_000_000_000, "2026-11-18T08:06:40"),
    ("string", "22/11/2026", "2026-11-22T00:00:00"),
    ("string", "2026-11-22T10:11:12Z", "2026-11-22T07:11:12"),
    ("string", "yesterday", "invalid_date"),
    ("bytes", b"2026-11-22", "invalid_date"),
    (["null", long("timestamp-millis")], None, None),
]


def order_of(total, sold_at, extra=()):
    fields = [{"name": "order_id", "type": "string"}, *extra]
    fields += [{"name": "total", "type": total}, {"name": "sold_at", "type": sold_at}]
    return {"type": "record", "name": "Order", "fields": fields}


class Sent:
    """Records of one topic, each with what it comes to."""

    def __init__(self, topic):
        self.topic, self.records, self.expected = topic, [], []

    def add(self, payload, order, reason=None):
        self.records.append((0, None, payload))
        self.expected.append((order, reason))

    def name(self):
        return f"edge-{len(self.records)}"

    def avro(self, schema):
        return serializers.Avro(self.topic, schema, f"{self.topic}-{len(self.records)}")

    def tables(self):
        tables = oracle.Tables()
        offsets = serializers.produce(self.topic, self.records)
        for offset, (order, reason) in zip(offsets, self.expected):
            tables.record(self.topic, 0, offset, [order], reason)
        return tables.lines()


def is_reason(text):
    return text is not None and text.islower() and text[0].isalpha()


def avro(plan):
    sent = Sent(plan["topic"])
    for kind, value, comes_to in TOTALS:
        name = sent.name()
        payload = sent.avro(order_of(kind, "null"))({"order_id": name, "total": value, "sold_at": None})
        reason = comes_to if is_reason(comes_to) else None
        order = {"id": name, "lines": [], "total": None if reason else Decimal(comes_to)}
        sent.add(payload, order, reason)
    for kind, value, comes_to in TIMES:
        name = sent.name()
        payload = sent.avro(order_of("int", kind))({"order_id": name, "total": 1, "sold_at": value})
        reason = comes_to if is_reason(comes_to) else None
        order = {"id": name, "lines": [], "total": Decimal(1)}
        if reason is None and comes_to is not None:
            order["sold_at"] = datetime.fromisoformat(comes_to)
        sent.add(payload, order, reason)
    for depth, reason in ((3, None), (100, None), (200, "too_deep")):
        name, value = sent.name(), None
        for _ in range(depth):
            value = {"below": value}
        schema = order_of("int", "null", [{"name": "passed_over", "type": ["null", DEEP]}])
        fields = {"order_id": name, "passed_over": value, "total": 1, "sold_at": None}
        sent.add(sent.avro(schema)(fields), {"id": name, "lines": [], "total": Decimal(1)}, reason)
    blocks(sent)
    return sent.tables()


def varint(value):
    """A long of Avro."""
    value, out = (value << 1) ^ (value >> 63), b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def blocks(sent):
    """Items in blocks as other writers make them, and lengths that lie."""
    schema = {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "order_id", "type": "string"}, {"name": "items", "type": {"type": "array", "items": ITEM}}],
    }
    serialize = sent.avro(schema)
    items = [{"product": f"p{n}", "qty": n + 1, "unit_price": 10} for n in range(3)]
    lines = [
        {"product": it["product"], "quantity": Decimal(it["qty"]), "price": Decimal(10)} for it in items
    ]
    written = [encoded(ITEM, it) for it in items]
    whole = serialize({"order_id": "x", "items": items})
    header = whole[:5]

    def order(name, body):
        name_bytes = name.encode()
        return header + varint(len(name_bytes)) + name_bytes + body

    two = varint(-2) + varint(len(written[0] + written[1])) + written[0] + written[1]
    for body in (
        varint(3) + b"".join(written) + b"\0",
        two + varint(1) + written[2] + b"\0",
        varint(1) + written[0] + varint(-2) + varint(len(written[1] + written[2])) + written[1] + written[2] + b"\0",
    ):
        name = sent.name()
        sent.add(order(name, body), {"id": name, "lines": lines})
    for body in (
        varint(2**40) + b"".join(written) + b"\0",
        varint(-(2**62)) + varint(2**62) + written[0] + b"\0",
        varint(-(2**63)) + written[0] + b"\0",
        varint(4) + b"".join(written) + b"\0",
        varint(3) + b"".join(written),
        b"\xff" * 11,
        varint(1) + varint(2**60) + b"p",
        varint(1) + varint(-1) + b"p",
        varint(3) + b"".join(written) + b"\0\0",
    ):
        name = sent.name()
        sent.add(order(name, body), {"id": name, "lines": []}, "not_avro")


def encoded(schema, value):
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(schema), value)
    return file.getvalue()


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
  // What a record does not hold is its default.
  optional int32 qty = 2 [default = 3];
  optional double unit_price = 3;
}
"""


def protobuf(plan):
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
    for value, comes_to in ((349.9, "349.9"), (math.nan, "invalid_number"), (0.0, "0"), (0.1 + 0.2, "0.3")):
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
    # A time that is there and holds nothing is the first one, and no time at all is none.
    add(messages.Order(valor_total=1, sold_at={}), "1", sold_at=datetime(1969, 12, 31, 21))
    add(messages.Order(valor_total=1), "1")
    line = {"product": "p", "quantity": Decimal(3), "price": Decimal("1.5")}
    add(messages.Order(items=[{"product": "p", "unit_price": 1.5}]), None, lines=[line])
    # A message that is passed over is so as a whole, however deep it is.
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
    # Messages one after the other are one: the last value counts, and lists go on.
    first = messages.Order(valor_total=2, items=[{"product": "p", "unit_price": 1.5}])
    second = messages.Order(valor_total=9, items=[{"product": "p", "unit_price": 1.5}])
    name = sent.name()
    second.order_id = name
    payload = serialize(first) + second.SerializeToString()
    sent.add(payload, {"id": name, "lines": [line, line], "total": Decimal(9)})
    # Fields that its schema does not name.
    name = sent.name()
    payload = serialize(messages.Order(order_id=name, valor_total=1)) + b"\xba\x3e\x03abc\xc0\x3e\x01"
    sent.add(payload, {"id": name, "lines": [], "total": Decimal(1)})
    for rest in (b"\xba", b"\x3a\xff\xff\xff\xff\x07", b"\x07", b"\x0f", b"\x54", b"\x53", b"\x00\x00"):
        name = sent.name()
        payload = serialize(messages.Order(order_id=name, valor_total=1)) + rest
        sent.add(payload, {"id": name, "lines": []}, "not_protobuf")
    return sent.tables()
