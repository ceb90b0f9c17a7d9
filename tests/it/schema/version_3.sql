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
            letters_before INT, charges NUMERIC, kept JSONB, cancelled BOOLEAN
        );
    -- Step 3. An instance of version 2 that is still running then cannot write `orders` any more:
    -- it would leave charges, kept and cancelled as an older version of the order had them.
    ELSIF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'order_row'::regtype)
          AND attname = 'cancelled' AND NOT attisdropped
    ) THEN
        ALTER TYPE order_row
            ADD ATTRIBUTE charges NUMERIC, ADD ATTRIBUTE kept JSONB, ADD ATTRIBUTE cancelled BOOLEAN;
    END IF;
END
$$;

-- Every order that has an id of its own, or that names products, has kept fields or was cancelled.
-- Number 17 and id '17' are two orders, which is why `numbered` belongs to the key. sold_at is the
-- wall clock of the shop. Ids are sorted by their bytes, since a language's rules make every look
-- into the index dearer.
--
-- total is the sum of the items' amounts and of charges (shipping and tax less discounts), and of
-- items that name no product. kept holds the fields that `mapping.keep` names. Of a cancelled order
-- the row says only that it was cancelled, with total 0 and no items, and it has no row in `sales`.
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT COLLATE "C",
    numbered BOOLEAN,
    total NUMERIC NOT NULL,
    items order_item[] NOT NULL,
    sold_at TIMESTAMP,
    processed_at TIMESTAMP NOT NULL,
    charges NUMERIC NOT NULL DEFAULT 0,
    kept JSONB,
    cancelled BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (order_id, numbered)
);

-- Step 3. Constant defaults rewrite no row (PostgreSQL manual, ALTER TABLE). Asked for first, since
-- ADD COLUMN IF NOT EXISTS locks the table also where there is nothing to add.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'orders'::regclass AND attname = 'cancelled' AND NOT attisdropped
    ) THEN
        ALTER TABLE orders
            ADD COLUMN IF NOT EXISTS charges NUMERIC NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS kept JSONB,
            ADD COLUMN IF NOT EXISTS cancelled BOOLEAN NOT NULL DEFAULT false;
    END IF;
END
$$;

-- A numbered order whose newer version names no product loses its row here. Most numbered orders
-- never had one, and this index, empty then, makes looking for it cost next to nothing.
CREATE INDEX IF NOT EXISTS orders_numbered ON orders (order_id) WHERE numbered;

CREATE OR REPLACE VIEW order_items AS
SELECT orders.order_id, orders.numbered, item.product, item.quantity, item.amount
FROM orders, UNNEST(orders.items) AS item
WHERE NOT orders.cancelled;

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
    -- operator left null counts as nothing, under no name, as does what a cancelled order holds.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO product_ledger (items)
        SELECT array_agg(ROW(product, quantity, amount)::order_item)
        FROM (
            SELECT coalesce((item).product, ''), coalesce(sum((item).quantity), 0),
                   coalesce(sum((item).amount), 0)
            FROM (SELECT UNNEST(items) AS item FROM added WHERE NOT cancelled) AS listed
            GROUP BY 1
        ) AS difference (product, quantity, amount)
        HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO product_ledger (items)
        SELECT array_agg(ROW(product, quantity, amount)::order_item)
        FROM (
            SELECT coalesce((item).product, ''), -coalesce(sum((item).quantity), 0),
                   -coalesce(sum((item).amount), 0)
            FROM (SELECT UNNEST(items) AS item FROM removed WHERE NOT cancelled) AS listed
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
                WHERE NOT added.cancelled
                UNION ALL
                SELECT coalesce(item.product, ''), -coalesce(item.quantity, 0), -coalesce(item.amount, 0)
                FROM removed, UNNEST(removed.items) AS item
                WHERE NOT removed.cancelled
            ) AS change (product, quantity, amount)
            GROUP BY change.product
            HAVING sum(change.quantity) <> 0 OR sum(change.amount) <> 0
        ) AS difference (product, quantity, amount)
        HAVING count(*) > 0;
    END IF;
    -- A cancelled order leaves `sales`, whoever says that it was cancelled. Here and not in the
    -- statement that writes `orders`: whoever may write that table needs no right to delete.
    IF TG_OP = 'DELETE' THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM added WHERE cancelled AND numbered) THEN
        DELETE FROM sales WHERE order_number = ANY (ARRAY(
            SELECT order_id::bigint FROM added
            WHERE cancelled AND numbered
              -- What an operator has put there need not be a number.
              AND CASE WHEN order_id ~ '^-?[0-9]{1,19}$'
                       THEN order_id::numeric BETWEEN -9223372036854775808 AND 9223372036854775807
                  END
        ));
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

-- Records that became no order, with the bytes as they were and the reason. The bytes can hold
-- personal data. A dead letter is open until it is replayed, which makes it the order that order_id
-- and numbered then name (they are null if it came to several orders), or until it is discarded.
-- record_timestamp is in milliseconds since 1970; headers are as Kafka encodes them (KIP-82).
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
    record_timestamp BIGINT,
    headers BYTEA,
    UNIQUE (topic_id, partition, record_offset)
);

-- Step 3.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'dead_letters'::regclass AND attname = 'headers' AND NOT attisdropped
    ) THEN
        ALTER TABLE dead_letters
            ADD COLUMN IF NOT EXISTS record_timestamp BIGINT, ADD COLUMN IF NOT EXISTS headers BYTEA;
    END IF;
END
$$;

-- Open letters are listed and replayed in the order in which they failed.
CREATE INDEX IF NOT EXISTS dead_letters_open ON dead_letters (failed_at, id)
WHERE replayed_at IS NULL AND discarded_at IS NULL;

-- Whether an order came from a letter, and so how old it is.
CREATE INDEX IF NOT EXISTS dead_letters_replayed ON dead_letters (order_id, numbered)
WHERE replayed_at IS NOT NULL;

-- The same for orders of a dead letter that came to several.
CREATE INDEX IF NOT EXISTS dead_letters_replayed_together ON dead_letters (replayed_at)
WHERE replayed_at IS NOT NULL AND order_id IS NULL;

-- The steps that this schema has taken; a newer vendas adds its own.
CREATE TABLE IF NOT EXISTS schema_version (
    version INT PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO schema_version (version) VALUES (1), (2), (3) ON CONFLICT DO NOTHING;
