"""The expected tables by docs/mapping.md, in exact decimals; shares no code with vendas.

An order is generated as a dictionary of its meaning: "id", "lines" (each "product", "quantity",
"price" or "amount", and "discount"), "charges" (shipping and tax minus discounts, one sum), "total"
if stated, "sold_at", "cancelled", "kept". A time is a datetime: with a zone it is converted
to the shop's time zone, without one it is local. Numbers are Decimal.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal, getcontext
import json
import random
import struct
from zoneinfo import ZoneInfo

getcontext().prec = 60

SHOP = ZoneInfo("America/Sao_Paulo")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FINEST = Decimal("0.0001")
HALF_A_CENT = Decimal("0.005")
PRODUCTS = [
    "Café torrado",
    "Pão de queijo",
    "Notebook",
    "Açaí 1 L",
    "Fogão",
    "Violão",
    "Mesa ☕",
    "x",
]


class Rejected(Exception):
    """A dead letter's reason."""


class Tables:
    """The tables after some records, which are added in the order of their offsets."""

    def __init__(self):
        self.orders = {}
        self.sales = {}
        self.dead_letters = []
        self.records = 0

    def record(self, topic, partition, offset, orders, reason=None):
        """A record of these orders, all or none; or a dead letter for `reason`."""
        self.records += 1
        if reason is None:
            try:
                made = [(key(order), row(order)) for order in orders]
            except Rejected as rejected:
                reason = str(rejected)
        if reason is not None:
            self.dead_letters.append(f"{topic}|{partition}|{offset}|{reason}")
            return
        for (name, numbered), values in made:
            self.orders[name, numbered] = values
            if numbered and not values["cancelled"]:
                self.sales[name] = values["total"]
            elif numbered:
                self.sales.pop(name, None)

    def lines(self):
        """The rows of each table, one text each, in the format of the tests' queries."""
        products = {}
        for values in self.orders.values():
            for product, quantity, amount in values["items"]:
                before = products.get(product, (0, 0))
                products[product] = (before[0] + quantity, before[1] + amount)
        kept = [it for it in self.orders.items() if it[0][1] is False or is_listed(it[1])]
        return {
            "records": self.records,
            "orders": [line(name, numbered, values) for (name, numbered), values in kept],
            "sales": [f"{name}|{plain(total)}" for name, total in self.sales.items()],
            "dead_letters": self.dead_letters,
            "products": [
                f"{it}|{plain(sums[0])}|{plain(sums[1])}" for it, sums in products.items()
            ],
        }


def is_listed(values):
    """Whether a numbered order has a row in `orders`."""
    return bool(values["items"]) or values["cancelled"] or values["kept"] is not None


def line(name, numbered, values):
    items = ";".join(
        f"{it}~{plain(quantity)}~{plain(amount)}" for it, quantity, amount in values["items"]
    )
    sold_at = values["sold_at"]
    sold_at = sold_at.strftime("%Y-%m-%dT%H:%M:%S.%f") if sold_at else ""
    kept = json.dumps(values["kept"], ensure_ascii=False) if values["kept"] is not None else ""
    cancelled = "cancelled" if values["cancelled"] else "counts"
    numbered = "number" if numbered else "id"
    total, charges = plain(values["total"]), plain(values["charges"])
    return "|".join([name, numbered, total, charges, sold_at, cancelled, kept, items])


def key(order):
    if "number" in order:
        return str(order["number"]), True
    if order.get("id") is None:
        raise Rejected("missing_identity")
    return str(order["id"]), False


def row(order):
    """The order's row."""
    if order.get("cancelled"):
        nothing = {"total": Decimal(0), "charges": Decimal(0), "items": [], "sold_at": None}
        return {**nothing, "cancelled": True, "kept": None}
    lines, charges = order["lines"], order.get("charges", Decimal(0))
    stated = number(order.get("total"), 10**16)
    if stated is not None and stated < 0:
        raise Rejected("negative_total")
    for item in lines:
        for name, bound in ("price", 10**10), ("amount", 10**16), ("discount", 10**16):
            number(item.get(name), bound)
        if item.get("quantity") is None:
            raise Rejected("missing_quantity")
        number(item["quantity"], 10**6)
        if item["quantity"] <= 0:
            raise Rejected("quantity_not_positive")
        if item.get("price") is not None and item["price"] < 0:
            raise Rejected("negative_price")
    priced = [is_priced(item) for item in lines]
    if any(priced) and not all(priced):
        raise Rejected("partly_priced")
    if not lines and stated is None:
        raise Rejected("no_items_no_total")
    if any(priced):
        amounts = [amount(item) for item in lines]
        total = sum(amounts) + charges
        if stated is not None and abs(stated - total) > HALF_A_CENT * len(lines):
            raise Rejected("total_mismatch")
    elif stated is None:
        raise Rejected("missing_total")
    elif stated < charges:
        # Nothing remains for the lines.
        raise Rejected("total_mismatch")
    else:
        total = stated
        amounts = shares(stated - charges, [item["quantity"] for item in lines])
    items = [
        (item["product"], item["quantity"], worth)
        for item, worth in zip(lines, amounts)
        if item.get("product") is not None
    ]
    sold_at = order.get("sold_at")
    if sold_at is not None and sold_at.tzinfo is not None:
        sold_at = sold_at.astimezone(SHOP).replace(tzinfo=None)
    values = {"total": total, "charges": charges, "items": items, "sold_at": sold_at}
    return {**values, "cancelled": False, "kept": order.get("kept") or None}


def is_priced(item):
    return item.get("price") is not None or item.get("amount") is not None


def number(value, bound):
    """A number; None if absent, NaN if invalid."""
    if value is None:
        return None
    if not value.is_finite():
        raise Rejected("invalid_number")
    if value != value.quantize(FINEST) or abs(value) >= bound:
        raise Rejected("out_of_range")
    return value


def amount(item):
    if item.get("amount") is not None:
        return item["amount"]
    return item["quantity"] * item["price"] - item.get("discount", Decimal(0))


def shares(total, quantities):
    """By quantity and largest remainder, in cents, or in the precision of the total if finer."""
    places = max(2, -total.normalize().as_tuple().exponent)
    units = int(total.scaleb(places))
    weights = [int(it.scaleb(4)) for it in quantities]
    whole = sum(weights)
    parts = [units * it // whole for it in weights]
    queue = sorted(range(len(parts)), key=lambda at: (-(units * weights[at] % whole), at))
    for at in queue[: units - sum(parts)]:
        parts[at] += 1
    return [Decimal(it).scaleb(-places) for it in parts]


def plain(value):
    """Without trailing zeros and without an exponent, as PostgreSQL's trim_scale prints it."""
    text = format(Decimal(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def of_double(value):
    """The value of a 64-bit float: its shortest form, or the nearest number of 4 decimals."""
    exact = Decimal(repr(value))
    near = exact.quantize(FINEST) if exact.is_finite() else exact
    return near if exact.is_finite() and abs(near - exact) <= Decimal("0.000001") else exact


def of_float(value):
    """The same for 32 bits."""
    bits = struct.pack("<f", value)
    for digits in range(1, 10):
        text = f"{struct.unpack('<f', bits)[0]:.{digits}g}"
        if struct.pack("<f", float(text)) == bits:
            return of_double(float(text))
    return Decimal(value)


def draw(random: random.Random, name):
    """A random order; one of 25 is invalid."""
    lines = []
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        quantity = Decimal(random.randint(1, 40))
        lines.append(
            {"product": random.choice(PRODUCTS), "quantity": quantity, "price": cents(random)}
        )
    shipping, tax = cents(random, 5_000), cents(random, 900)
    order = {"id": name, "lines": lines, "shipping": shipping, "tax": tax}
    order["charges"] = shipping + tax
    # Including changes of daylight saving time, which São Paulo had until 2019.
    seconds = random.choice((random.randint(0, 3 * 10**8), 1_550_368_000 - 1_420_000_000))
    order["sold_at"] = EPOCH + timedelta(
        seconds=1_420_000_000 + seconds + random.randint(0, 7_200),
        microseconds=random.randint(0, 999_999),
    )
    order["cancelled"] = random.random() < 0.05
    if not order["cancelled"] and random.random() < 0.04:
        spoil(random, order)
    return order


def spoil(random, order):
    item = random.choice(order["lines"])
    kind = random.choice(("quantity", "no quantity", "total", "large", "fine", "price", "id"))
    if kind == "quantity":
        item["quantity"] = Decimal(-1)
    elif kind == "no quantity":
        item["quantity"] = None
    elif kind == "total":
        order["off"] = Decimal("0.01") * len(order["lines"])
    elif kind == "large":
        item["price"] = Decimal(10**10)
    elif kind == "fine":
        item["price"] += Decimal("0.00003")
    elif kind == "price":
        item["price"] = Decimal("-0.01")
    else:
        order["id"] = None


def state_total(order):
    """States the correct total of the order, or one that differs by "off"."""
    total = order["charges"]
    for item in order["lines"]:
        total += (item["quantity"] or Decimal(1)) * (item["price"] or Decimal(0)) - item.get(
            "discount", 0
        )
    order["total"] = total + order.get("off", Decimal(0))


def cents(random, most=99_999):
    return Decimal(random.randint(1, most)).scaleb(-2)
