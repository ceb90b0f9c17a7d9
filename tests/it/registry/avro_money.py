"""The forms of money in Avro."""

from decimal import Decimal

import oracle

# A name, the schema, and the number of decimals if it is fixed.
MONEY = [
    ("bytes_18_2", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}, 2),
    ("bytes_20_4", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}, 4),
    ("bytes_38_10", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 10}, 10),
    (
        "fixed8_18_4",
        {"type": "fixed", "size": 8, "logicalType": "decimal", "precision": 18, "scale": 4},
        4,
    ),
    (
        "fixed7_15_0",
        {"type": "fixed", "size": 7, "logicalType": "decimal", "precision": 15, "scale": 0},
        0,
    ),
    (
        "fixed16_38_9",
        {"type": "fixed", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 9},
        9,
    ),
    ("double", "double", None),
    ("float", "float", None),
    ("string", "string", None),
]


class Money:
    """A form of money with its own name."""

    def __init__(self, kind, namespace):
        self.name, schema, self.scale = kind
        # A fixed is a named type, defined once per schema.
        if isinstance(schema, dict) and schema["type"] == "fixed":
            schema = {**schema, "name": f"{namespace}.{self.name}"}
        self.first, self.defined = schema, False

    def schema(self):
        if isinstance(self.first, dict) and "name" in self.first and self.defined:
            return self.first["name"]
        self.defined = True
        return self.first

    def fit(self, value):
        """The value after writing and reading it."""
        if value is None:
            return None
        if self.name == "double":
            return oracle.of_double(float(value))
        if self.name == "float":
            return oracle.of_float(float(value))
        if self.scale is None:
            return value
        # Decimals have no negative zero.
        return value.quantize(Decimal(1).scaleb(-self.scale)) + 0

    def written(self, value):
        if value is None:
            return None
        if self.name in ("double", "float"):
            return float(value)
        return str(value) if self.name == "string" else value
