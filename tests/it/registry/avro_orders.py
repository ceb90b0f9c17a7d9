"""Orders in Avro: many schemas in one topic, with different forms of money, times and ids.

The mapping that reads them all is in formats.rs.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
import random
import uuid

import oracle
import serializers
import topics
from avro_money import MONEY, Money

TIMES = ["timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"]
TIMES += ["date", "iso", "shop", "nothing"]

QUANTITIES = ["int", "long", "double", "string", "decimal"]

IDS = ["string", "uuid", "long", "enum"]


class Variant:
    """A schema, and the writer of an order with it."""

    def __init__(self, random, number, topic, partitions, refers_to):
        self.random, self.number = random, number
        namespace = f"shop.v{number}"
        # Every form occurs, whatever the random numbers are.
        self.money = Money(MONEY[number % len(MONEY)], namespace)
        self.time = TIMES[number % len(TIMES)]
        self.quantity = QUANTITIES[number % len(QUANTITIES)]
        self.id = IDS[number % len(IDS)] if number % 7 else "string"
        # In one partition, whose records have a defined order.
        self.symbols = [f"P{number % partitions}_{day}" for day in ("MONDAY", "TUESDAY")]
        self.total = "grand_total" if number % 3 == 0 else "total"
        self.optional = number % 2 == 0
        self.has_channel, self.has_note = number % 4 != 0, number % 4 != 1
        # A type of another subject.
        self.refers = number % 5 == 0
        schema = self.schema(namespace)
        self.serialize = serializers.Avro(
            topic, schema, f"{topic}-v{number}", refers_to if self.refers else ()
        )

    def maybe(self, schema, first=True):
        if not self.optional:
            return schema
        return ["null", schema] if first else [schema, "null"]

    def line_schema(self):
        money = self.money
        product = {
            "type": "record",
            "name": "Product",
            "fields": [
                {
                    "name": "category",
                    "type": {
                        "type": "record",
                        "name": "Category",
                        "fields": [
                            {"name": "parent", "type": ["null", "Category"]},
                            {"name": "name", "type": "string"},
                            {"name": "others", "type": {"type": "array", "items": "Category"}},
                        ],
                    },
                },
                {"name": "name", "type": ["int", "null", "string"]},
            ],
        }
        return {
            "type": "record",
            "name": "Line",
            "fields": [
                {"name": "weight", "type": {"type": "array", "items": "double"}},
                {"name": "quantity", "type": ["null", self.quantity_schema()]},
                {"name": "product", "type": product},
                {"name": "price", "type": self.maybe(money.schema(), first=False)},
                {"name": "rebate", "type": ["null", money.schema()]},
            ],
        }

    def schema(self, namespace):
        # In the order of writing: a fixed is defined at its first use.
        money = self.money
        address = {
            "type": "record",
            "name": "Address",
            "fields": [{"name": "lines", "type": {"type": "array", "items": "string"}}],
        }
        fields = [
            {"name": "customer", "type": "shared.Customer" if self.refers else address},
            {
                "name": "state",
                "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID", "CANCELLED"]},
            },
            {
                "name": "tags",
                "type": {
                    "type": "map",
                    "values": ["null", "string", {"type": "array", "items": "boolean"}],
                },
            },
            {"name": "id", "type": ["null", self.id_schema()], "default": None},
            {
                "name": "delivery",
                "type": {
                    "type": "record",
                    "name": "Delivery",
                    "fields": [
                        {"name": "cost", "type": self.maybe(money.schema())},
                        {"name": "fragile", "type": "boolean"},
                    ],
                },
            },
            {"name": "taxes", "type": {"type": "map", "values": money.schema()}},
            {"name": "placed", "type": self.maybe(self.time_schema())},
            {"name": "lines", "type": self.maybe({"type": "array", "items": self.line_schema()})},
            {"name": self.total, "type": money.schema()},
            {"name": "raw", "type": "bytes"},
        ]
        if self.total != "total":
            # The mapping contains its older name.
            fields[-2]["aliases"] = ["total"]
        if self.has_channel:
            fields.append({"name": "channel", "type": ["null", "string"], "default": None})
        if self.has_note:
            fields.insert(2, {"name": "note", "type": self.maybe("string")})
        return {"type": "record", "name": "Order", "namespace": namespace, "fields": fields}

    def quantity_schema(self):
        if self.quantity == "decimal":
            return {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}
        return self.quantity

    def id_schema(self):
        if self.id == "enum":
            return {"type": "enum", "name": "Weekday", "symbols": self.symbols}
        return {"type": "string", "logicalType": "uuid"} if self.id == "uuid" else self.id

    def time_schema(self):
        if self.time in ("iso", "shop"):
            return "string"
        if self.time == "nothing":
            return ["null", "long"] if not self.optional else "long"
        base = "int" if self.time == "date" else "long"
        return {"type": base, "logicalType": self.time}

    def draw(self, name):
        order = oracle.draw(self.random, name)
        self.name(order)
        self.set_time(order)
        for item in order["lines"]:
            item["price"] = self.money.fit(item["price"])
            if self.random.random() < 0.2 and item["quantity"] and item["price"] is not None:
                item["discount"] = self.money.fit(Decimal("0.01"))
            self.set_quantity(item)
        order["charges"] = self.money.fit(order["shipping"]) + self.money.fit(order["tax"])
        oracle.state_total(order)
        order["total"] = self.money.fit(order["total"])
        if self.has_channel and self.random.random() < 0.5:
            order["kept"] = {"channel": self.random.choice(["shop", "site", "é"])}
        if self.random.random() < 0.05:
            # Without prices; the total is distributed over the lines.
            for item in order["lines"]:
                item.pop("discount", None)
                if self.optional:
                    item["price"] = None
        return order

    def name(self, order):
        if order["id"] is None:
            return
        if self.id == "uuid":
            order["id"] = str(uuid.UUID(int=self.random.getrandbits(128)))
        elif self.id == "long":
            order["id"] = str(self.random.choice((1, -1)) * self.random.getrandbits(62))
        elif self.id == "enum":
            order["id"] = self.random.choice(self.symbols)

    def set_time(self, order):
        at = order["sold_at"]
        if "millis" in self.time:
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if self.time.startswith("local"):
            at = at.replace(tzinfo=None)
        elif self.time == "date":
            at = datetime(at.year, at.month, at.day)
        elif self.time == "shop":
            at = at.replace(tzinfo=None, second=0, microsecond=0)
        elif self.time == "nothing":
            at = at.replace(microsecond=0) if self.optional else None
        order["sold_at"] = at

    def set_quantity(self, item):
        quantity = item["quantity"]
        # Money without decimals would not sum to its total.
        whole = self.quantity in ("int", "long") or self.money.scale == 0
        if quantity and quantity > 0 and not whole:
            item["quantity"] = quantity + Decimal(self.random.choice(("0", "0.5", "0.25")))

    def written_time(self, at):
        if self.time == "nothing":
            return None if at is None else int(at.timestamp())
        if self.time == "iso":
            zone = timezone(timedelta(hours=self.random.choice((-3, 0, 5))))
            return at.astimezone(zone).isoformat()
        if self.time == "shop":
            return at.strftime("%d/%m/%Y %H:%M")
        return at.date() if self.time == "date" else at

    def written_quantity(self, quantity):
        if quantity is None or self.quantity == "decimal":
            return quantity
        return {"double": float, "string": str}.get(self.quantity, int)(quantity)

    def category(self, depth):
        parent = self.category(depth - 1) if depth else None
        others = [self.category(0) for _ in range(self.random.randint(0, 2))] if depth else []
        return {"name": f"c{depth}", "parent": parent, "others": others}

    def write(self, order):
        money, random = self.money.written, self.random
        lines = [
            {
                "weight": [0.5] * random.randint(0, 3),
                "quantity": self.written_quantity(item["quantity"]),
                "product": {
                    "category": self.category(random.randint(0, 4)),
                    "name": item["product"],
                },
                "price": money(item["price"]),
                "rebate": money(item.get("discount")),
            }
            for item in order["lines"]
        ]
        if self.id == "long" and order["id"] is not None:
            name = int(order["id"])
        else:
            name = order["id"]
        tags = {"a": None, "b": "total", "c": [True, False]}
        return self.serialize(
            {
                "customer": {"lines": ["Rua A", "77"]} if not self.refers else MARIA,
                "state": "CANCELLED" if order["cancelled"] else random.choice(("OPEN", "PAID")),
                "tags": {name: tags[name] for name in random.sample("abc", random.randint(0, 3))},
                "id": name,
                "delivery": {"cost": money(self.money.fit(order["shipping"])), "fragile": True},
                "taxes": {"icms": money(self.money.fit(order["tax"]))},
                "placed": self.written_time(order["sold_at"]),
                "lines": lines,
                self.total: money(order["total"]),
                "raw": bytes(random.randint(0, 9)),
                "channel": order.get("kept", {}).get("channel"),
                "note": "a note",
            }
        )


CUSTOMER = {
    "type": "record",
    "name": "Customer",
    "namespace": "shared",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "age", "type": ["null", "int"]},
        {"name": "home", "type": "shared.Home"},
    ],
}

# Customer refers to this, and an order only through Customer.
HOME = {
    "type": "record",
    "name": "Home",
    "namespace": "shared",
    "fields": [{"name": "street", "type": "string"}],
}


MARIA = {"name": "Maria", "age": 3, "home": {"street": "Rua A"}}


def variants(plan):
    """Sends "records" orders with 72 schemas to "topic" with "partitions"; returns the tables."""
    topic, draws = plan["topic"], random.Random(plan["seed"])
    serializers.Avro(topic, HOME, f"{topic}-home")({"street": "Rua A"})
    to_home = [("shared.Home", f"{topic}-home")]
    customer = serializers.Avro(topic, CUSTOMER, f"{topic}-customer", to_home)
    customer({"name": "nobody", "age": None, "home": {"street": "Rua A"}})
    refers_to = [("shared.Customer", f"{topic}-customer")]
    # A multiple of the number of partitions: each schema belongs to one.
    count = 24 * plan["partitions"]
    kinds = [Variant(draws, it, topic, plan["partitions"], refers_to) for it in range(count)]
    records, orders = [], []
    for number in range(plan["records"]):
        kind = kinds[number % len(kinds)]
        order = kind.draw(f"avro-{number}")
        partition = number % plan["partitions"]
        records.append((partition, None, kind.write(order)))
        orders.append((partition, order))
    return topics.sent(topic, records, orders)
