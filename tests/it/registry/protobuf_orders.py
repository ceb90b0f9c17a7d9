"""Orders in Protocol Buffers: proto2 and proto3, imports and nested messages, in one topic."""

from decimal import Decimal
import random

import oracle
import serializers
import topics

COMMON = """
syntax = "proto3";
package shop.common;

import "google/type/money.proto";

message Charge {
  string name = 1;
  google.type.Money amount = 2;
}
"""

MODERN = """
syntax = "proto3";
package shop.modern;

import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/decimal.proto";
import "google/type/money.proto";
import "shop/common.proto";

// The order is neither the first nor a top-level message of its file.
message Nothing {}

message Events {
  message Ignored { int32 x = 1; }
  message Order {
    enum State { CREATED = 0; PAID = 1; CANCELLED = 2; }
    message Product {
      string name = 3;
      Product part_of = 4;
    }
    message Line {
      Product product = 1;
      sint32 quantity = 2;
      oneof worth {
        google.type.Money price = 3;
        google.type.Decimal amount = 4;
      }
      optional google.type.Money rebate = 16;
    }
    string id = 1;
    map<string, google.type.Decimal> taxes = 2;
    repeated Line lines = 3;
    google.protobuf.Timestamp placed = 5;
    shop.common.Charge delivery = 6;
    State state = 7;
    google.type.Decimal total = 8;
    repeated int64 packed = 9;
    bytes raw = 10;
    google.protobuf.StringValue channel = 11;
    map<int32, Product> others = 12;
    fixed64 checksum = 200;
  }
}
"""

LEGACY = """
syntax = "proto2";
package shop.legacy;

message Order {
  enum State { CREATED = 0; CANCELLED = 5; }
  message Line {
    required Product product = 1;
    optional uint64 quantity = 2;
    optional double price = 3;
    optional double rebate = 4;
  }
  optional group Delivery = 12 { optional double cost = 1; }
  optional uint64 id = 1;
  repeated Line lines = 3;
  optional int64 placed = 5;
  optional State state = 7 [default = CREATED];
  optional double total = 8;
  repeated float weights = 9 [packed = true];
  optional string channel = 11;
  extensions 100 to 199;
}

message Product {
  optional string name = 1;
}

extend Order { optional string coupon_code = 150; }
"""


def modern(draws, messages, order):
    Order = messages.Events.Order
    written = Order(
        checksum=draws.getrandbits(64), packed=[1, -1, draws.getrandbits(62)], raw=b"\x00\xff"
    )
    if order["id"] is not None:
        written.id = order["id"]
    for item in order["lines"]:
        line = written.lines.add()
        line.product.name = item["product"]
        line.product.part_of.part_of.name = "total"
        if item["quantity"] is not None:
            line.quantity = int(item["quantity"])
        if item.get("amount") is not None:
            line.amount.value = str(item["amount"])
        elif item.get("price") is not None:
            money(line.price, item["price"])
        if item.get("discount") is not None:
            money(line.rebate, item["discount"])
    written.taxes["icms"].value = str(order["tax"])
    money(written.delivery.amount, order["shipping"])
    written.placed.FromDatetime(order["sold_at"])
    # Nanoseconds are truncated.
    written.placed.nanos += draws.randint(0, 999)
    written.state = (
        Order.CANCELLED if order["cancelled"] else draws.choice((Order.CREATED, Order.PAID))
    )
    written.total.value = str(order["total"])
    if "kept" in order:
        written.channel.value = order["kept"]["channel"]
    written.others[draws.randint(-5, 5)].name = "x"
    return written


def legacy(draws, messages, order):
    Order = messages.Order
    written = Order(weights=[0.5, 1.5])
    if order["id"] is not None:
        written.id = int(order["id"])
    for item in order["lines"]:
        line = written.lines.add()
        line.product.name = item["product"]
        if item["quantity"] is not None:
            line.quantity = int(item["quantity"])
        if item.get("price") is not None:
            line.price = float(item["price"])
        if item.get("discount") is not None:
            line.rebate = float(item["discount"])
    written.delivery.cost = float(order["shipping"])
    written.placed = int(order["sold_at"].timestamp() * 1000)
    if order["cancelled"]:
        written.state = Order.CANCELLED
    written.total = float(order["total"])
    if "kept" in order:
        written.channel = order["kept"]["channel"]
    written.Extensions[messages.coupon_code] = "c"
    return written


def money(message, value):
    message.currency_code = "BRL"
    message.units = int(value)
    message.nanos = int((value - int(value)).scaleb(9))


def orders(plan):
    """Sends "records" orders to "topic" with "partitions"; returns the tables."""
    topic, draws = plan["topic"], random.Random(plan["seed"])
    modern_messages = serializers.compiled(
        {"shop/common.proto": COMMON, "shop/modern.proto": MODERN}
    )
    legacy_messages = serializers.compiled({"shop/legacy.proto": LEGACY})
    serialize_modern = serializers.Protobuf(topic, modern_messages.Events.Order)
    serialize_legacy = serializers.Protobuf(topic, legacy_messages.Order, f"{topic}-legacy")
    records, all_orders = [], []
    for number in range(plan["records"]):
        order = oracle.draw(draws, f"protobuf-{number}")
        for item in order["lines"]:
            if draws.random() < 0.2:
                item["discount"] = Decimal("0.01")
        if draws.random() < 0.5:
            order["kept"] = {"channel": draws.choice(["shop", "site", "é"])}
        if number % 3:
            for item in order["lines"]:
                if (
                    draws.random() < 0.3
                    and item["quantity"]
                    and item["quantity"] > 0
                    and item["price"] >= 0
                ):
                    item["amount"] = item["quantity"] * item["price"] - item.get("discount", 0)
            oracle.state_total(order)
            for item in order["lines"]:
                if "amount" in item:
                    # One of the two is set.
                    item["price"] = None
                # Without `optional` an absent quantity is 0.
                item["quantity"] = item["quantity"] or Decimal(0)
            value = serialize_modern(modern(draws, modern_messages, order))
        else:
            at = order["sold_at"]
            order["sold_at"] = at.replace(microsecond=at.microsecond // 1000 * 1000)
            if order["id"] is not None:
                order["id"] = str(draws.getrandbits(64))
            if any(
                item["quantity"] is not None and item["quantity"] < 0 for item in order["lines"]
            ):
                # An unsigned number is never negative.
                for item in order["lines"]:
                    item["quantity"] = None if item["quantity"] < 0 else item["quantity"]
            order["charges"] = order["shipping"]
            oracle.state_total(order)
            for item in order["lines"]:
                item["price"] = oracle.of_double(float(item["price"]))
            order["total"] = oracle.of_double(float(order["total"]))
            value = serialize_legacy(legacy(draws, legacy_messages, order))
        partition = number % plan["partitions"]
        records.append((partition, None, value))
        all_orders.append((partition, order))
    return topics.sent(topic, records, all_orders)
