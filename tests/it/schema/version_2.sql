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
    -- A row of `orders` on its way here.
    IF to_regtype('order_row') IS NULL THEN
        CREATE TYPE order_row AS (
            order_id TEXT, numbered BOOLEAN, total NUMERIC, items order_item[], sold_at TIMESTAMP,
            letters_before INT
        );
    END IF;
END
$$;

-- Every order that has an id of its own or that names products. Number 17 and id '17' are two
-- orders, which is why `numbered` belongs to the key. sold_at is the wall clock of the shop. Ids are
-- sorted by their bytes, since a language's rules make every look into the index dearer.
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT COLLATE "C",
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

-- What each product has sold is the sum over `orders`, by construction: whatever changes an order,
-- triggers note the difference in the ledger, in the same transaction, a row for each statement.
-- Nobody waits for anybody there, unlike at a row for each product. The ledger is folded into the
-- sums now and then; the view adds up both.
CREATE TABLE IF NOT EXISTS product_ledger (
    items order_item[] NOT NULL
);
CREATE TABLE IF NOT EXISTS product_sums (
    product TEXT PRIMARY KEY,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL
);

CREATE OR REPLACE VIEW product_totals AS
SELECT part.product, sum(part.quantity) AS quantity, sum(part.amount) AS amount
FROM (
    SELECT product, quantity, amount FROM product_sums
    UNION ALL
    SELECT item.product, item.quantity, item.amount
    FROM product_ledger, UNNEST(product_ledger.items) AS item
) AS part
GROUP BY part.product
HAVING sum(part.quantity) <> 0 OR sum(part.amount) <> 0;

CREATE OR REPLACE FUNCTION note_order_differences() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Each event has transition tables of its own, so that none of these serves for two. What an
    -- operator left null counts as nothing, under no name.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO product_ledger (items)
        SELECT array_agg(ROW(product, quantity, amount)::order_item)
        FROM (
            SELECT coalesce((item).product, ''), coalesce(sum((item).quantity), 0),
                   coalesce(sum((item).amount), 0)
            FROM (SELECT UNNEST(items) AS item FROM added) AS listed
            GROUP BY 1
        ) AS difference (product, quantity, amount)
        HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO product_ledger (items)
        SELECT array_agg(ROW(product, quantity, amount)::order_item)
        FROM (
            SELECT coalesce((item).product, ''), -coalesce(sum((item).quantity), 0),
                   -coalesce(sum((item).amount), 0)
            FROM (SELECT UNNEST(items) AS item FROM removed) AS listed
            GROUP BY 1
        ) AS difference (product, quantity, amount)
        HAVING count(*) > 0;
    -- An upsert calls for both, also where it only inserts.
    ELSIF EXISTS (SELECT FROM added) THEN
        INSERT INTO product_ledger (items)
        SELECT array_agg(ROW(product, quantity, amount)::order_item)
        FROM (
            SELECT change.product, sum(change.quantity), sum(change.amount)
            FROM (
                SELECT coalesce(item.product, ''), coalesce(item.quantity, 0), coalesce(item.amount, 0)
                FROM added, UNNEST(added.items) AS item
                UNION ALL
                SELECT coalesce(item.product, ''), -coalesce(item.quantity, 0), -coalesce(item.amount, 0)
                FROM removed, UNNEST(removed.items) AS item
            ) AS change (product, quantity, amount)
            GROUP BY change.product
            HAVING sum(change.quantity) <> 0 OR sum(change.amount) <> 0
        ) AS difference (product, quantity, amount)
        HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_products() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    TRUNCATE product_ledger, product_sums;
    RETURN NULL;
END
$$;

-- Moves what the ledger holds into the sums, and returns how many of its rows; null if another
-- session is at it.
CREATE OR REPLACE FUNCTION fold_product_ledger() RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    folded BIGINT;
BEGIN
    IF NOT pg_try_advisory_xact_lock('product_ledger'::regclass::oid::bigint) THEN
        RETURN NULL;
    END IF;
    WITH taken AS (
        DELETE FROM product_ledger RETURNING items
    ), summed AS (
        INSERT INTO product_sums AS sums (product, quantity, amount)
        SELECT item.product, sum(item.quantity), sum(item.amount)
        FROM taken, UNNEST(taken.items) AS item
        GROUP BY item.product
        ON CONFLICT (product) DO UPDATE
        SET quantity = sums.quantity + excluded.quantity, amount = sums.amount + excluded.amount
    )
    SELECT count(*) INTO folded FROM taken;
    RETURN folded;
END
$$;

-- These run with their owner's rights, and so must not find anybody else's tables.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['note_order_differences', 'forget_products', 'fold_product_ledger'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END
$$;

CREATE OR REPLACE TRIGGER note_inserted AFTER INSERT ON orders
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_order_differences();
CREATE OR REPLACE TRIGGER note_updated AFTER UPDATE ON orders
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_order_differences();
CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON orders
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION note_order_differences();
CREATE OR REPLACE TRIGGER note_truncated AFTER TRUNCATE ON orders
FOR EACH STATEMENT EXECUTE FUNCTION forget_products();

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
    leader_epoch INT,
    moved_by UUID NOT NULL,
    moved_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (topic, partition, next_offset)
);

-- Records that became no order, with the bytes as they were and the reason. The bytes can hold
-- personal data. A letter is open until it is replayed, which makes it the order that order_id and
-- numbered then name, or until it is discarded.
-- Where partitions were set otherwise than by working them: by `vendas offsets reset`, or past what
-- Kafka had lost. From nothing where there was no offset.
CREATE TABLE IF NOT EXISTS offset_resets (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    from_topic_id UUID,
    from_offset BIGINT,
    to_topic_id UUID NOT NULL,
    to_offset BIGINT NOT NULL,
    because TEXT NOT NULL,
    -- Who says so: a user of a machine, or an instance.
    reset_by TEXT NOT NULL,
    -- Who that is to PostgreSQL.
    role NAME NOT NULL DEFAULT session_user,
    reset_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

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
    order_id TEXT,
    numbered BOOLEAN,
    discarded_at TIMESTAMPTZ,
    discarded_because TEXT,
    UNIQUE (topic_id, partition, record_offset)
);

-- Open letters are listed and replayed in the order in which they failed.
CREATE INDEX IF NOT EXISTS dead_letters_open ON dead_letters (failed_at, id)
WHERE replayed_at IS NULL AND discarded_at IS NULL;

-- Whether an order came from a letter, and so how old it is.
CREATE INDEX IF NOT EXISTS dead_letters_replayed ON dead_letters (order_id, numbered)
WHERE replayed_at IS NOT NULL;

-- The steps that this schema has taken; a newer vendas adds its own.
CREATE TABLE IF NOT EXISTS schema_version (
    version INT PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO schema_version (version) VALUES (1), (2) ON CONFLICT DO NOTHING;
