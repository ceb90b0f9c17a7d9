-- The tables of vendas. PostgreSQL 14 or newer.
--
-- Run it as the role that owns the schema, with that schema first in search_path; to run it again
-- changes nothing. `vendas schema --apply` does just this, in one transaction.

-- What each numbered order is worth; processed_at is the database's clock in UTC.
CREATE TABLE IF NOT EXISTS sales (
    order_number INT PRIMARY KEY,
    total NUMERIC,
    processed_at TIMESTAMP
);

DO $$
BEGIN
    IF to_regtype('order_item') IS NULL THEN
        CREATE TYPE order_item AS (product TEXT, quantity NUMERIC, amount NUMERIC);
    END IF;
END
$$;

-- Every order that has an id of its own or that names products. Number 17 and id '17' are two
-- orders, which is why `numbered` belongs to the key. sold_at is the wall clock of the shop.
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT,
    numbered BOOLEAN,
    total NUMERIC NOT NULL,
    items order_item[] NOT NULL,
    sold_at TIMESTAMP,
    processed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (order_id, numbered)
);

-- A numbered order whose newer version names no product loses its row here. Most numbered orders
-- never had one, and this index, empty then, makes looking for it cost next to nothing.
CREATE INDEX IF NOT EXISTS orders_numbered ON orders (order_id) WHERE numbered;

CREATE OR REPLACE VIEW order_items AS
SELECT orders.order_id, orders.numbered, item.product, item.quantity, item.amount
FROM orders, UNNEST(orders.items) AS item;

-- How far each partition has been worked: the first offset that is not yet accounted for, moved in
-- the same statement as the rows that account for those before it. A partition has one row, which is
-- rewritten with every batch; while an old snapshot is open (a pg_dump) PostgreSQL keeps all its
-- versions, and only a key that holds the offset itself still finds the newest one at once. So
-- (topic, partition) has no constraint of its own: whoever makes a row holds a lock.
CREATE TABLE IF NOT EXISTS partitions (
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    topic_id UUID NOT NULL,
    next_offset BIGINT NOT NULL CHECK (next_offset >= 0),
    moved_by UUID NOT NULL,
    moved_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (topic, partition, next_offset)
);

-- Records that became no order, with the bytes as they were and the reason. The bytes can hold
-- personal data.
CREATE TABLE IF NOT EXISTS dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    topic_id UUID NOT NULL,
    record_offset BIGINT NOT NULL,
    key BYTEA,
    payload BYTEA,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    failed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    replayed_at TIMESTAMPTZ,
    UNIQUE (topic_id, partition, record_offset)
);

-- The steps that this schema has taken; a newer vendas adds its own.
CREATE TABLE IF NOT EXISTS schema_version (
    version INT PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;
