"""Edge cases of Avro, each with its expected result, with the built-in names."""

from datetime import datetime
from decimal import Decimal
import io
import math

import fastavro

import serializers
from topics import Sent, is_reason

ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "product", "type": "string"},
        {"name": "qty", "type": "int"},
        {"name": "unit_price", "type": "int"},
    ],
}

DEEP = {
    "type": "record",
    "name": "Deep",
    "fields": [{"name": "below", "type": ["null", "Deep"]}],
}

MONEY = {
    "type": "record",
    "name": "Money",
    "fields": [
        {"name": "currency_code", "type": "string"},
        {"name": "units", "type": "long"},
        {"name": "nanos", "type": "int"},
    ],
}


def decimal(precision, scale, **other):
    return {
        "type": "bytes",
        **other,
        "logicalType": "decimal",
        "precision": precision,
        "scale": scale,
    }


def fixed(size, precision, scale):
    return decimal(precision, scale, type="fixed", size=size, name="Fixed")


def long(logical):
    return {"type": "long", "logicalType": logical}


# The type of `total`, its value, and the expected total or reason.
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
    # Never rounded: this is not a float.
    (decimal(20, 8), Decimal("12.34000001"), "out_of_range"),
    (decimal(20, 8), Decimal("12.34000000"), "12.34"),
    (decimal(38, 18), Decimal("1.000000000000000001"), "out_of_range"),
    (decimal(18, 2), Decimal("9999999999999999.99"), "9999999999999999.99"),
    (decimal(20, 2), Decimal("10000000000000000.00"), "out_of_range"),
    (decimal(60, 2), Decimal(10) ** 50, "out_of_range"),
    (decimal(20, 2), Decimal("-0.01"), "negative_total"),
    (decimal(20, 0), Decimal(7), "7"),
    # Unnecessary sign bytes.
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

# The type of `sold_at`, its value, and the expected local time or reason.
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
    # No logical type: the unit depends on the magnitude.
    ("long", 1_795_000_000, "2026-11-18T08:06:40"),
    ("long", 1_795_000_000_000, "2026-11-18T08:06:40"),
    ("long", 20_261_122, "invalid_date"),
    # An unknown logical type is ignored.
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


def avro(sent, schema):
    """A serializer with a schema of a separate subject."""
    return serializers.Avro(sent.topic, schema, f"{sent.topic}-{len(sent.records)}")


def edges(plan):
    sent = Sent(plan["topic"])
    for kind, value, comes_to in TOTALS:
        name = sent.name()
        payload = avro(sent, order_of(kind, "null"))(
            {"order_id": name, "total": value, "sold_at": None}
        )
        reason = comes_to if is_reason(comes_to) else None
        order = {"id": name, "lines": [], "total": None if reason else Decimal(comes_to)}
        sent.add(payload, order, reason)
    for kind, value, comes_to in TIMES:
        name = sent.name()
        payload = avro(sent, order_of("int", kind))(
            {"order_id": name, "total": 1, "sold_at": value}
        )
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
        sent.add(avro(sent, schema)(fields), {"id": name, "lines": [], "total": Decimal(1)}, reason)
    blocks(sent)
    return sent.tables()


def varint(value):
    """A long in Avro."""
    value, out = (value << 1) ^ (value >> 63), b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def blocks(sent):
    """Items in blocks as other writers split them, and wrong lengths."""
    schema = {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "order_id", "type": "string"},
            {"name": "items", "type": {"type": "array", "items": ITEM}},
        ],
    }
    serialize = avro(sent, schema)
    items = [{"product": f"p{n}", "qty": n + 1, "unit_price": 10} for n in range(3)]
    lines = [
        {"product": it["product"], "quantity": Decimal(it["qty"]), "price": Decimal(10)}
        for it in items
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
        varint(1)
        + written[0]
        + varint(-2)
        + varint(len(written[1] + written[2]))
        + written[1]
        + written[2]
        + b"\0",
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
