-- The tables of vendas. PostgreSQL 14 or newer.
--
-- Run it as the role that owns the schema, with that schema first in search_path. Running it again
-- changes nothing. `vendas schema --apply` does the same in one transaction.

-- Steps 4 and 5 change what commits write. Commits lock `partitions` first, so commits that wait
-- here hold no lock that the steps below wait for.
DO $$
BEGIN
    IF to_regclass('schema_version') IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM schema_version WHERE version = 5) THEN
            LOCK TABLE partitions IN ACCESS EXCLUSIVE MODE;
        END IF;
    END IF;
END
$$;

-- The total of each numbered order. processed_at is the database's time in UTC; counted_at is as in
-- `orders`.
CREATE TABLE IF NOT EXISTS sales (
    order_number INT PRIMARY KEY,
    total NUMERIC,
    processed_at TIMESTAMP,
    counted_at TIMESTAMP
);

DO $$
BEGIN
    IF to_regtype('order_item') IS NULL THEN
        CREATE TYPE order_item AS (product TEXT, quantity NUMERIC, amount NUMERIC);
    END IF;
    -- A row of `orders` as a statement's parameter.
    IF to_regtype('order_row') IS NULL THEN
        CREATE TYPE order_row AS (
            order_id TEXT, numbered BOOLEAN, total NUMERIC, items order_item[], sold_at TIMESTAMP,
            letters_before INT, charges NUMERIC, kept JSONB, cancelled BOOLEAN, counted_at TIMESTAMP
        );
    -- Step 3. From here on a running instance of version 2 cannot write `orders`: it would keep
    -- charges, kept and cancelled from an older version of the order.
    ELSIF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'order_row'::regtype)
          AND attname = 'cancelled' AND NOT attisdropped
    ) THEN
        ALTER TYPE order_row
            ADD ATTRIBUTE charges NUMERIC, ADD ATTRIBUTE kept JSONB, ADD ATTRIBUTE cancelled BOOLEAN;
    END IF;
    -- Step 4. From here on a running instance of version 3 cannot write `orders` either.
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'order_row'::regtype)
          AND attname = 'counted_at' AND NOT attisdropped
    ) THEN
        ALTER TYPE order_row ADD ATTRIBUTE counted_at TIMESTAMP;
    END IF;
END
$$;

-- Every order that has an id instead of a number, names products, has kept fields, or was
-- cancelled. Number 17 and id '17' are two orders, so `numbered` is part of the key. sold_at is in
-- the shop's time zone. Ids are sorted bytewise: a language's collation would make every index
-- lookup more expensive.
--
-- total is the sum of the items' amounts, of charges (shipping and tax less discounts), and of
-- items without a product. kept holds the fields listed in `mapping.keep`. A cancelled order has
-- total 0, no items, and no row in `sales`.
--
-- counted_at is when the order counts in sums by hour and day: sold_at, or else the record's
-- timestamp in the shop's time zone. If it is null, sold_at counts, or else processed_at in that
-- time zone.
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
    counted_at TIMESTAMP,
    PRIMARY KEY (order_id, numbered)
);

-- Step 3. Constant defaults do not rewrite the table (PostgreSQL manual, ALTER TABLE). Checked
-- first because ADD COLUMN IF NOT EXISTS locks the table even if there is nothing to add.
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

-- Step 4.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['sales', 'orders'] LOOP
        IF NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = name::regclass AND attname = 'counted_at' AND NOT attisdropped
        ) THEN
            EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS counted_at TIMESTAMP', name);
        END IF;
    END LOOP;
END
$$;

-- For deleting the row of a numbered order whose newer version names no product. Most numbered
-- orders never have a row; this index is then empty and the lookup costs almost nothing.
CREATE INDEX IF NOT EXISTS orders_numbered ON orders (order_id) WHERE numbered;

CREATE OR REPLACE VIEW order_items AS
SELECT orders.order_id, orders.numbered, item.product, item.quantity, item.amount
FROM orders, UNNEST(orders.items) AS item
WHERE NOT orders.cancelled;

-- The shop's time zone, in which rows without counted_at count: the value of orders.shop_timezone
-- when this table was created. Changing it requires rebuild_sums().
CREATE TABLE IF NOT EXISTS shop_clock (
    timezone TEXT NOT NULL
);
INSERT INTO shop_clock (timezone)
SELECT coalesce(nullif(current_setting('vendas.shop_timezone', true), ''), 'UTC')
WHERE NOT EXISTS (SELECT FROM shop_clock);

-- The hour in which an order counts, with one function for each possible type of
-- sales.processed_at. If the time is unknown, the hour is -infinity.
CREATE OR REPLACE FUNCTION counted_hour(
    counted_at TIMESTAMP, sold_at TIMESTAMP, processed_at TIMESTAMP, timezone TEXT
) RETURNS TIMESTAMP LANGUAGE sql STABLE AS $$
    SELECT coalesce(date_trunc('hour', coalesce(
        counted_at, sold_at, processed_at AT TIME ZONE 'UTC' AT TIME ZONE timezone)), '-infinity')
$$;
CREATE OR REPLACE FUNCTION counted_hour(
    counted_at TIMESTAMP, sold_at TIMESTAMP, processed_at TIMESTAMPTZ, timezone TEXT
) RETURNS TIMESTAMP LANGUAGE sql STABLE AS $$
    SELECT coalesce(date_trunc('hour', coalesce(
        counted_at, sold_at, processed_at AT TIME ZONE timezone)), '-infinity')
$$;

-- The day at which a product sum is stored; `rolled_up_before` is that of `roll_ups`, or null if
-- there is none.
CREATE OR REPLACE FUNCTION kept_day(day DATE, rolled_up_before DATE)
RETURNS DATE LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN day < rolled_up_before THEN date_trunc('month', day::timestamp)::date ELSE day END
$$;

-- Sales by time and product equal the sums over `sales` and `orders` by construction. When any
-- statement changes orders, triggers insert one row with the differences into a ledger, in the same
-- transaction. Unlike updates of one row per product or hour, these inserts do not block each
-- other. The ledgers are folded into sums periodically; the views add up both.
--
-- An order with a number counts by its row in `sales`, one without by its row in `orders`; charges
-- and products are in `orders` for both. Each table has its own ledger and sums, so that a trigger
-- needs only the changed rows, and TRUNCATE of one table does not affect the sums of the other.
--
-- The n-th elements of a ledger's arrays belong together: an hour in the shop's time zone and its
-- sums; a product on a day and its sums. Arrays of rows would be 50 % longer. toast_tuple_target
-- keeps rows longer than 2 kB from being compressed: compression would take longer than everything
-- else done with them (PostgreSQL manual, CREATE TABLE).
CREATE TABLE IF NOT EXISTS sales_ledger (
    hours TIMESTAMP[] NOT NULL,
    orders BIGINT[] NOT NULL,
    totals NUMERIC[] NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE TABLE IF NOT EXISTS orders_ledger (
    hours TIMESTAMP[] NOT NULL,
    orders BIGINT[] NOT NULL,
    totals NUMERIC[] NOT NULL,
    charges NUMERIC[] NOT NULL,
    days DATE[] NOT NULL,
    products TEXT[] NOT NULL,
    product_orders BIGINT[] NOT NULL,
    quantities NUMERIC[] NOT NULL,
    amounts NUMERIC[] NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE TABLE IF NOT EXISTS sales_hours (
    hour TIMESTAMP PRIMARY KEY,
    orders BIGINT NOT NULL,
    total NUMERIC NOT NULL
);
CREATE TABLE IF NOT EXISTS orders_hours (
    hour TIMESTAMP PRIMARY KEY,
    orders BIGINT NOT NULL,
    total NUMERIC NOT NULL,
    charges NUMERIC NOT NULL
);
CREATE TABLE IF NOT EXISTS product_day_sums (
    day DATE,
    product TEXT,
    orders BIGINT NOT NULL,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    PRIMARY KEY (day, product)
);
CREATE TABLE IF NOT EXISTS product_sums (
    product TEXT PRIMARY KEY,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL
);

-- Step 5. Orders that count before purged_before, in the shop's time zone, were purged. No commit
-- writes such an order: it may have been stored and counted before. One row, or none before the
-- first purge.
CREATE TABLE IF NOT EXISTS retention (
    purged_before TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS retention_one_row ON retention ((true));

-- The purges, with the number of rows of `sales` and `orders` that each has deleted so far.
CREATE TABLE IF NOT EXISTS purges (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purged_before TIMESTAMP NOT NULL,
    forget_sums BOOLEAN NOT NULL,
    because TEXT NOT NULL,
    -- An operating system user and host.
    purged_by TEXT NOT NULL,
    -- The PostgreSQL role of that user.
    role NAME NOT NULL DEFAULT session_user,
    sales BIGINT NOT NULL DEFAULT 0,
    orders BIGINT NOT NULL DEFAULT 0,
    begun_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ
);

-- The sums of purged rows. The sums above include them: they equal the sums over `sales` and
-- `orders` plus these.
CREATE TABLE IF NOT EXISTS archived_sales_hours (
    hour TIMESTAMP PRIMARY KEY,
    orders BIGINT NOT NULL,
    total NUMERIC NOT NULL
);
CREATE TABLE IF NOT EXISTS archived_orders_hours (
    hour TIMESTAMP PRIMARY KEY,
    orders BIGINT NOT NULL,
    total NUMERIC NOT NULL,
    charges NUMERIC NOT NULL
);
CREATE TABLE IF NOT EXISTS archived_product_days (
    day DATE,
    product TEXT,
    orders BIGINT NOT NULL,
    quantity NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    PRIMARY KEY (day, product)
);

-- Product sums before this day are stored by month, at the first day of the month. The greatest
-- value applies; it is the first day of a month.
CREATE TABLE IF NOT EXISTS roll_ups (
    rolled_up_before DATE PRIMARY KEY,
    because TEXT NOT NULL,
    -- An operating system user and host.
    rolled_up_by TEXT NOT NULL,
    -- The PostgreSQL role of that user.
    role NAME NOT NULL DEFAULT session_user,
    rolled_up_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE OR REPLACE VIEW product_totals AS
SELECT part.product, sum(part.quantity) AS quantity, sum(part.amount) AS amount
FROM (
    SELECT product, quantity, amount FROM product_sums
    UNION ALL
    SELECT noted.product, noted.quantity, noted.amount
    FROM orders_ledger, UNNEST(days, products, product_orders, quantities, amounts)
        AS noted (day, product, orders, quantity, amount)
) AS part
GROUP BY part.product
HAVING sum(part.quantity) <> 0 OR sum(part.amount) <> 0;

-- Most sums have no row in the ledger. They need no grouping, which would take most of the time for
-- millions of rows.
CREATE OR REPLACE VIEW product_days AS
WITH noted AS (
    SELECT noted.day, noted.product, sum(noted.orders)::bigint AS orders, sum(noted.quantity) AS quantity,
           sum(noted.amount) AS amount
    FROM orders_ledger, UNNEST(days, products, product_orders, quantities, amounts)
        AS noted (day, product, orders, quantity, amount)
    GROUP BY noted.day, noted.product
)
SELECT part.day, part.product, part.orders, part.quantity, part.amount,
       coalesce(isfinite(part.day) AND part.day < (SELECT max(rolled_up_before) FROM roll_ups), false)
           AS rolled_up
FROM (
    SELECT day, product, sums.orders + coalesce(noted.orders, 0) AS orders,
           sums.quantity + coalesce(noted.quantity, 0) AS quantity,
           sums.amount + coalesce(noted.amount, 0) AS amount
    FROM product_day_sums AS sums LEFT JOIN noted USING (day, product)
    UNION ALL
    SELECT day, product, orders, quantity, amount
    FROM noted
    WHERE NOT EXISTS (
        SELECT FROM product_day_sums AS sums WHERE sums.day = noted.day AND sums.product = noted.product
    )
) AS part
WHERE part.orders <> 0 OR part.quantity <> 0 OR part.amount <> 0;

-- Unlike daily sums, monthly sums do not change when days are rolled up.
CREATE OR REPLACE VIEW product_months AS
SELECT date_trunc('month', part.day::timestamp)::date AS month, part.product,
       sum(part.orders)::bigint AS orders, sum(part.quantity) AS quantity, sum(part.amount) AS amount
FROM (
    SELECT day, product, orders, quantity, amount FROM product_day_sums
    UNION ALL
    SELECT noted.day, noted.product, noted.orders, noted.quantity, noted.amount
    FROM orders_ledger, UNNEST(days, products, product_orders, quantities, amounts)
        AS noted (day, product, orders, quantity, amount)
) AS part
GROUP BY date_trunc('month', part.day::timestamp)::date, part.product
HAVING sum(part.orders) <> 0 OR sum(part.quantity) <> 0 OR sum(part.amount) <> 0;

CREATE OR REPLACE VIEW order_hours AS
SELECT part.hour, sum(part.orders)::bigint AS orders, sum(part.total) AS total,
       sum(part.charges) AS charges
FROM (
    SELECT hour, orders, total, 0 AS charges FROM sales_hours
    UNION ALL
    SELECT noted.hour, noted.orders, noted.total, 0
    FROM sales_ledger, UNNEST(hours, orders, totals) AS noted (hour, orders, total)
    UNION ALL
    SELECT hour, orders, total, charges FROM orders_hours
    UNION ALL
    SELECT noted.hour, noted.orders, noted.total, noted.charges
    FROM orders_ledger, UNNEST(hours, orders, totals, charges) AS noted (hour, orders, total, charges)
) AS part
GROUP BY part.hour
HAVING sum(part.orders) <> 0 OR sum(part.total) <> 0 OR sum(part.charges) <> 0;

CREATE OR REPLACE VIEW order_days AS
SELECT hour::date AS day, sum(orders)::bigint AS orders, sum(total) AS total, sum(charges) AS charges
FROM order_hours
GROUP BY hour::date;

-- The trigger functions, three for each table: each event has its own transition tables. Nulls
-- stored by an operator count as zero and as an empty name; cancelled orders do not count. An
-- upsert fires two of them, even if it only inserts.
--
-- A statement that commits a batch knows what it writes and records these sums itself, at a lower
-- cost. It sets `vendas.noted`, and the triggers then record only the replaced rows.
DO $do$
DECLARE
    added CONSTANT TEXT := 'SELECT 1 AS sign, * FROM added';
    removed CONSTANT TEXT := 'SELECT -1 AS sign, * FROM removed';
    -- Records the sums of rows, each with its sign.
    note_sales CONSTANT TEXT := $note$
        INSERT INTO sales_ledger (hours, orders, totals)
        SELECT array_agg(hour), array_agg(orders), array_agg(total)
        FROM (
            SELECT hour, sum(sign * orders)::bigint, sum(sign * total)
            FROM (
                SELECT sign, counted_hour(counted_at, NULL, processed_at, timezone), count(*),
                       coalesce(sum(total), 0)
                FROM (%s) AS change, shop_clock
                GROUP BY 1, 2
            ) AS part (sign, hour, orders, total)
            GROUP BY hour
        ) AS difference (hour, orders, total)
        WHERE orders <> 0 OR total <> 0
        HAVING count(*) > 0;
    $note$;
    note_orders CONSTANT TEXT := $note$
        WITH counted AS MATERIALIZED (
            SELECT sign, counted_hour(counted_at, sold_at, processed_at, timezone) AS hour,
                   row_number() OVER () AS nth, numbered, total, charges, items
            FROM (%s) AS change, shop_clock
            WHERE NOT cancelled
        ), hours AS (
            SELECT array_agg(hour) AS hours, array_agg(orders) AS orders, array_agg(total) AS totals,
                   array_agg(charges) AS charges
            FROM (
                SELECT hour, sum(sign * orders)::bigint, sum(sign * total), sum(sign * charges)
                FROM (
                    SELECT sign, hour, count(*) FILTER (WHERE NOT numbered),
                           coalesce(sum(total) FILTER (WHERE NOT numbered), 0),
                           coalesce(sum(charges), 0)
                    FROM counted
                    GROUP BY sign, hour
                ) AS part (sign, hour, orders, total, charges)
                GROUP BY hour
            ) AS difference (hour, orders, total, charges)
            WHERE orders <> 0 OR total <> 0 OR charges <> 0
        ), products AS (
            SELECT array_agg(day) AS days, array_agg(product) AS products,
                   array_agg(orders) AS product_orders, array_agg(quantity) AS quantities,
                   array_agg(amount) AS amounts
            FROM (
                SELECT day, product, sum(sign * orders)::bigint, sum(sign * quantity),
                       sum(sign * amount)
                FROM (
                    -- An order that names a product twice is one order.
                    SELECT sign, hour::date, coalesce((item).product, ''), count(DISTINCT nth),
                           coalesce(sum((item).quantity), 0), coalesce(sum((item).amount), 0)
                    FROM (SELECT sign, hour, nth, UNNEST(items) AS item FROM counted) AS listed
                    GROUP BY 1, 2, 3
                ) AS part (sign, day, product, orders, quantity, amount)
                GROUP BY day, product
            ) AS difference (day, product, orders, quantity, amount)
            WHERE orders <> 0 OR quantity <> 0 OR amount <> 0
        )
        INSERT INTO orders_ledger
            (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
        SELECT coalesce(hours, '{}'), coalesce(orders, '{}'), coalesce(totals, '{}'),
               coalesce(charges, '{}'), coalesce(days, '{}'), coalesce(products, '{}'),
               coalesce(product_orders, '{}'), coalesce(quantities, '{}'), coalesce(amounts, '{}')
        FROM hours, products
        WHERE hours IS NOT NULL OR days IS NOT NULL;
    $note$;
    -- A cancelled order leaves `sales`, regardless of what cancelled it. Done here and not in the
    -- statement that writes `orders`: that role then needs no DELETE privilege on `sales`.
    leave_sales CONSTANT TEXT := $leave$
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
    $leave$;
    of RECORD;
BEGIN
    FOR of IN
        SELECT * FROM (VALUES ('sales', note_sales, ''), ('orders', note_orders, leave_sales))
            AS of (name, note, leave)
    LOOP
        EXECUTE format($create$
CREATE OR REPLACE FUNCTION note_%s_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $body$
BEGIN
    IF current_setting('vendas.noted', true) IS DISTINCT FROM 'true' THEN
        %s
    END IF;
    %s
    RETURN NULL;
END
$body$
        $create$, of.name, format(of.note, added), of.leave);
        EXECUTE format($create$
CREATE OR REPLACE FUNCTION note_%s_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $body$
BEGIN
    %s
    RETURN NULL;
END
$body$
        $create$, of.name, format(of.note, removed));
        EXECUTE format($create$
CREATE OR REPLACE FUNCTION note_%s_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
    IF current_setting('vendas.noted', true) IS DISTINCT FROM 'true' THEN
        %s
    ELSE
        %s
    END IF;
    %s
    RETURN NULL;
END
$body$
        $create$, of.name, format(of.note, added || ' UNION ALL ' || removed), format(of.note, removed),
            of.leave);
    END LOOP;
END
$do$;

-- A purge that keeps the sums sets `vendas.purge` in its transaction: the deleted rows stay in the
-- sums, and their sums are added to the archive.
CREATE OR REPLACE FUNCTION archive_sales() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO archived_sales_hours AS sums (hour, orders, total)
    SELECT counted_hour(counted_at, NULL, processed_at, timezone), count(*), coalesce(sum(total), 0)
    FROM removed, shop_clock
    GROUP BY 1
    ON CONFLICT (hour) DO UPDATE
    SET orders = sums.orders + excluded.orders, total = sums.total + excluded.total;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION archive_orders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    WITH counted AS MATERIALIZED (
        SELECT counted_hour(counted_at, sold_at, processed_at, timezone) AS hour,
               row_number() OVER () AS nth, numbered, total, charges, items
        FROM removed, shop_clock
        WHERE NOT cancelled
    ), hours AS (
        INSERT INTO archived_orders_hours AS sums (hour, orders, total, charges)
        SELECT hour, count(*) FILTER (WHERE NOT numbered),
               coalesce(sum(total) FILTER (WHERE NOT numbered), 0), coalesce(sum(charges), 0)
        FROM counted
        GROUP BY hour
        ON CONFLICT (hour) DO UPDATE
        SET orders = sums.orders + excluded.orders, total = sums.total + excluded.total,
            charges = sums.charges + excluded.charges
    )
    INSERT INTO archived_product_days AS sums (day, product, orders, quantity, amount)
    SELECT kept_day(hour::date, rolled_up_before), coalesce((item).product, ''), count(DISTINCT nth),
           coalesce(sum((item).quantity), 0), coalesce(sum((item).amount), 0)
    FROM (SELECT hour, nth, UNNEST(items) AS item FROM counted) AS listed,
         (SELECT max(rolled_up_before) FROM roll_ups) AS rolled_up (rolled_up_before)
    GROUP BY 1, 2
    ON CONFLICT (day, product) DO UPDATE
    SET orders = sums.orders + excluded.orders, quantity = sums.quantity + excluded.quantity,
        amount = sums.amount + excluded.amount;
    RETURN NULL;
END
$$;

-- Rows deleted from the archive are subtracted from the sums.
CREATE OR REPLACE FUNCTION note_archived_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_TABLE_NAME = 'archived_sales_hours' THEN
        INSERT INTO sales_ledger (hours, orders, totals)
        SELECT array_agg(hour), array_agg(-orders), array_agg(-total)
        FROM removed HAVING count(*) > 0;
    ELSIF TG_TABLE_NAME = 'archived_orders_hours' THEN
        INSERT INTO orders_ledger
            (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
        SELECT array_agg(hour), array_agg(-orders), array_agg(-total), array_agg(-charges),
               '{}', '{}', '{}', '{}', '{}'
        FROM removed HAVING count(*) > 0;
    ELSE
        INSERT INTO orders_ledger
            (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
        SELECT '{}', '{}', '{}', '{}', array_agg(day), array_agg(product), array_agg(-orders),
               array_agg(-quantity), array_agg(-amount)
        FROM removed HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;

-- After a TRUNCATE the sums equal the archive.
CREATE OR REPLACE FUNCTION forget_sales() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    TRUNCATE sales_ledger, sales_hours;
    INSERT INTO sales_hours SELECT hour, orders, total FROM archived_sales_hours;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_orders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    TRUNCATE orders_ledger, orders_hours, product_day_sums, product_sums;
    INSERT INTO orders_hours SELECT hour, orders, total, charges FROM archived_orders_hours;
    INSERT INTO product_day_sums
    SELECT day, product, orders, quantity, amount FROM archived_product_days;
    INSERT INTO product_sums
    SELECT product, sum(quantity), sum(amount) FROM archived_product_days GROUP BY product;
    RETURN NULL;
END
$$;

-- Folds the ledgers into the sums and returns the number of folded rows; null if another session is
-- folding.
CREATE OR REPLACE FUNCTION fold_ledgers() RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    folded BIGINT;
BEGIN
    IF NOT pg_try_advisory_xact_lock('orders_ledger'::regclass::oid::bigint) THEN
        RETURN NULL;
    END IF;
    WITH sales_notes AS (
        DELETE FROM sales_ledger RETURNING *
    ), orders_notes AS (
        DELETE FROM orders_ledger RETURNING *
    ), summed_sales AS (
        INSERT INTO sales_hours AS sums (hour, orders, total)
        SELECT noted.hour, sum(noted.orders), sum(noted.total)
        FROM sales_notes, UNNEST(hours, orders, totals) AS noted (hour, orders, total)
        GROUP BY noted.hour
        ON CONFLICT (hour) DO UPDATE
        SET orders = sums.orders + excluded.orders, total = sums.total + excluded.total
    ), summed_orders AS (
        INSERT INTO orders_hours AS sums (hour, orders, total, charges)
        SELECT noted.hour, sum(noted.orders), sum(noted.total), sum(noted.charges)
        FROM orders_notes,
             UNNEST(hours, orders, totals, charges) AS noted (hour, orders, total, charges)
        GROUP BY noted.hour
        ON CONFLICT (hour) DO UPDATE
        SET orders = sums.orders + excluded.orders, total = sums.total + excluded.total,
            charges = sums.charges + excluded.charges
    ), days AS MATERIALIZED (
        SELECT kept_day(noted.day, rolled_up_before) AS day, noted.product, sum(noted.orders) AS orders,
               sum(noted.quantity) AS quantity, sum(noted.amount) AS amount
        FROM orders_notes, UNNEST(days, products, product_orders, quantities, amounts)
                 AS noted (day, product, orders, quantity, amount),
             (SELECT max(rolled_up_before) FROM roll_ups) AS rolled_up (rolled_up_before)
        GROUP BY 1, noted.product
    ), summed_days AS (
        INSERT INTO product_day_sums AS sums (day, product, orders, quantity, amount)
        SELECT day, product, orders, quantity, amount FROM days
        ON CONFLICT (day, product) DO UPDATE
        SET orders = sums.orders + excluded.orders, quantity = sums.quantity + excluded.quantity,
            amount = sums.amount + excluded.amount
    ), summed_products AS (
        INSERT INTO product_sums AS sums (product, quantity, amount)
        SELECT product, sum(quantity), sum(amount) FROM days GROUP BY product
        ON CONFLICT (product) DO UPDATE
        SET quantity = sums.quantity + excluded.quantity, amount = sums.amount + excluded.amount
    )
    SELECT (SELECT count(*) FROM sales_notes) + (SELECT count(*) FROM orders_notes) INTO folded;
    RETURN folded;
END
$$;

-- Deletes sums that are zero, such as after a purge that deletes sums.
CREATE OR REPLACE FUNCTION drop_empty_sums() RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('orders_ledger'::regclass::oid::bigint);
    DELETE FROM sales_hours WHERE orders = 0 AND total = 0;
    DELETE FROM orders_hours WHERE orders = 0 AND total = 0 AND charges = 0;
    DELETE FROM product_day_sums WHERE orders = 0 AND quantity = 0 AND amount = 0;
    DELETE FROM product_sums WHERE quantity = 0 AND amount = 0;
END
$$;

-- Rolls up the first month after that of `done` (null: the first one) that has daily sums before
-- the boundary in `roll_ups`. Returns that month, or null if there is none. Monthly sums do not
-- change.
CREATE OR REPLACE FUNCTION roll_up_month(done DATE) RETURNS DATE
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    rolled_up DATE := (SELECT max(rolled_up_before) FROM roll_ups);
    after DATE := coalesce(done + interval '1 month', '-infinity');
    month DATE;
    next_month DATE;
BEGIN
    PERFORM pg_advisory_xact_lock('orders_ledger'::regclass::oid::bigint);
    month := date_trunc('month', least(
        (SELECT min(day) FROM product_day_sums
         WHERE day > after AND day < rolled_up AND extract(day FROM day) > 1),
        (SELECT min(day) FROM archived_product_days
         WHERE day > after AND day < rolled_up AND extract(day FROM day) > 1)
    )::timestamp);
    next_month := month + interval '1 month';
    PERFORM set_config('vendas.purge', 'roll up', true);
    WITH gone AS (
        DELETE FROM product_day_sums WHERE day > month AND day < next_month
        RETURNING product, orders, quantity, amount
    )
    INSERT INTO product_day_sums AS sums (day, product, orders, quantity, amount)
    SELECT month, product, sum(orders), sum(quantity), sum(amount) FROM gone GROUP BY product
    ON CONFLICT (day, product) DO UPDATE
    SET orders = sums.orders + excluded.orders, quantity = sums.quantity + excluded.quantity,
        amount = sums.amount + excluded.amount;
    WITH gone AS (
        DELETE FROM archived_product_days WHERE day > month AND day < next_month
        RETURNING product, orders, quantity, amount
    )
    INSERT INTO archived_product_days AS sums (day, product, orders, quantity, amount)
    SELECT month, product, sum(orders), sum(quantity), sum(amount) FROM gone GROUP BY product
    ON CONFLICT (day, product) DO UPDATE
    SET orders = sums.orders + excluded.orders, quantity = sums.quantity + excluded.quantity,
        amount = sums.amount + excluded.amount;
    PERFORM set_config('vendas.purge', '', true);
    RETURN month;
END
$$;

-- The expected sums, computed from all rows and the archive, for comparing or rebuilding the stored
-- sums. Functions instead of views: views would prevent an operator from changing a column's type.
CREATE OR REPLACE FUNCTION summed_sales()
RETURNS TABLE (hour TIMESTAMP, orders BIGINT, total NUMERIC)
LANGUAGE sql STABLE AS $$
    SELECT hour, sum(orders)::bigint, sum(total)
    FROM (
        SELECT counted_hour(counted_at, NULL, processed_at, timezone), count(*),
               coalesce(sum(total), 0)
        FROM sales, shop_clock
        GROUP BY 1
        UNION ALL
        SELECT hour, orders, total FROM archived_sales_hours
    ) AS part (hour, orders, total)
    GROUP BY hour
$$;
CREATE OR REPLACE FUNCTION summed_orders()
RETURNS TABLE (hour TIMESTAMP, orders BIGINT, total NUMERIC, charges NUMERIC)
LANGUAGE sql STABLE AS $$
    SELECT hour, sum(orders)::bigint, sum(total), sum(charges)
    FROM (
        SELECT counted_hour(counted_at, sold_at, processed_at, timezone),
               count(*) FILTER (WHERE NOT numbered),
               coalesce(sum(total) FILTER (WHERE NOT numbered), 0), coalesce(sum(charges), 0)
        FROM orders, shop_clock
        WHERE NOT cancelled
        GROUP BY 1
        UNION ALL
        SELECT hour, orders, total, charges FROM archived_orders_hours
    ) AS part (hour, orders, total, charges)
    GROUP BY hour
$$;
CREATE OR REPLACE FUNCTION summed_products()
RETURNS TABLE (day DATE, product TEXT, orders BIGINT, quantity NUMERIC, amount NUMERIC)
LANGUAGE sql STABLE AS $$
    SELECT day, product, sum(orders)::bigint, sum(quantity), sum(amount)
    FROM (
        SELECT counted_hour(counted_at, sold_at, processed_at, timezone)::date,
               coalesce(item.product, ''), count(DISTINCT orders.ctid),
               coalesce(sum(item.quantity), 0), coalesce(sum(item.amount), 0)
        FROM orders, shop_clock, UNNEST(items) AS item
        WHERE NOT cancelled
        GROUP BY 1, 2
        UNION ALL
        SELECT day, product, orders, quantity, amount FROM archived_product_days
    ) AS part (day, product, orders, quantity, amount)
    GROUP BY day, product
$$;

-- Rebuilds the sums while writers are locked out. Also needed after changing the shop's time zone.
CREATE OR REPLACE FUNCTION rebuild_sums() RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE partitions, sales, orders, archived_sales_hours, archived_orders_hours,
               archived_product_days IN SHARE ROW EXCLUSIVE MODE;
    TRUNCATE sales_ledger, sales_hours, orders_ledger, orders_hours, product_day_sums, product_sums;
    INSERT INTO sales_hours SELECT hour, orders, total FROM summed_sales();
    INSERT INTO orders_hours SELECT hour, orders, total, charges FROM summed_orders();
    INSERT INTO product_day_sums
    SELECT kept_day(day, rolled_up_before), product, sum(orders), sum(quantity), sum(amount)
    FROM summed_products(), (SELECT max(rolled_up_before) FROM roll_ups) AS rolled_up (rolled_up_before)
    GROUP BY 1, 2;
    INSERT INTO product_sums
    SELECT product, sum(quantity), sum(amount) FROM product_day_sums GROUP BY product;
END
$$;

-- Most of these run with their owner's privileges, so their search_path must contain no other
-- schema.
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'note_sales_inserted', 'note_sales_updated', 'note_sales_deleted', 'forget_sales',
        'note_orders_inserted', 'note_orders_updated', 'note_orders_deleted', 'forget_orders',
        'archive_sales', 'archive_orders', 'note_archived_deleted',
        'fold_ledgers', 'drop_empty_sums', 'rebuild_sums', 'summed_sales', 'summed_orders', 'summed_products'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
    EXECUTE format('ALTER FUNCTION roll_up_month(date) SET search_path = %I, pg_temp', current_schema());
END
$$;

-- The WHEN condition avoids a call for each batch, which would cost as much as recording its sums.
CREATE OR REPLACE TRIGGER note_inserted AFTER INSERT ON sales
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT WHEN (current_setting('vendas.noted', true) IS DISTINCT FROM 'true')
EXECUTE FUNCTION note_sales_inserted();
CREATE OR REPLACE TRIGGER note_updated AFTER UPDATE ON sales
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_sales_updated();
CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON sales
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('vendas.purge', true) IS DISTINCT FROM 'archive')
EXECUTE FUNCTION note_sales_deleted();
CREATE OR REPLACE TRIGGER archive_deleted AFTER DELETE ON sales
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('vendas.purge', true) = 'archive')
EXECUTE FUNCTION archive_sales();
CREATE OR REPLACE TRIGGER note_truncated AFTER TRUNCATE ON sales
FOR EACH STATEMENT EXECUTE FUNCTION forget_sales();

CREATE OR REPLACE TRIGGER note_inserted AFTER INSERT ON orders
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_orders_inserted();
CREATE OR REPLACE TRIGGER note_updated AFTER UPDATE ON orders
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_orders_updated();
CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON orders
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('vendas.purge', true) IS DISTINCT FROM 'archive')
EXECUTE FUNCTION note_orders_deleted();
CREATE OR REPLACE TRIGGER archive_deleted AFTER DELETE ON orders
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('vendas.purge', true) = 'archive')
EXECUTE FUNCTION archive_orders();
CREATE OR REPLACE TRIGGER note_truncated AFTER TRUNCATE ON orders
FOR EACH STATEMENT EXECUTE FUNCTION forget_orders();

CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON archived_sales_hours
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION note_archived_deleted();
CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON archived_orders_hours
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION note_archived_deleted();
CREATE OR REPLACE TRIGGER note_deleted AFTER DELETE ON archived_product_days
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT WHEN (current_setting('vendas.purge', true) IS DISTINCT FROM 'roll up')
EXECUTE FUNCTION note_archived_deleted();

-- The next offset of each partition: the first offset that is not yet processed, moved in the same
-- statement that writes the results of the previous ones. A partition has one row, which every
-- batch updates. While an old snapshot is open (such as of pg_dump), PostgreSQL keeps all its
-- versions, and only a key that contains the offset finds the newest one directly. Therefore
-- (topic, partition) has no unique constraint; rows are inserted under a lock.
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

-- Changes of next offsets other than by processing: by `vendas offsets reset`, or past data that
-- Kafka has lost. from_offset is null if there was no offset.
CREATE TABLE IF NOT EXISTS offset_resets (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INT NOT NULL,
    from_topic_id UUID,
    from_offset BIGINT,
    to_topic_id UUID NOT NULL,
    to_offset BIGINT NOT NULL,
    because TEXT NOT NULL,
    -- An operating system user and host, or an instance.
    reset_by TEXT NOT NULL,
    -- The PostgreSQL role of that user or instance.
    role NAME NOT NULL DEFAULT session_user,
    reset_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Rejected records, with their original bytes and the reason. The bytes can hold personal data. A
-- dead letter is open until it is replayed or discarded. order_id and numbered are the key of the
-- order that a replay wrote, or null if it wrote several. record_timestamp is in milliseconds since
-- 1970; headers are in Kafka's encoding (KIP-82).
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

-- Open dead letters are listed and replayed in the order in which they failed.
CREATE INDEX IF NOT EXISTS dead_letters_open ON dead_letters (failed_at, id)
WHERE replayed_at IS NULL AND discarded_at IS NULL;

-- Finds the dead letter from which an order was replayed, and with it the order's age.
CREATE INDEX IF NOT EXISTS dead_letters_replayed ON dead_letters (order_id, numbered)
WHERE replayed_at IS NOT NULL;

-- The same for dead letters with several orders.
CREATE INDEX IF NOT EXISTS dead_letters_replayed_together ON dead_letters (replayed_at)
WHERE replayed_at IS NOT NULL AND order_id IS NULL;

-- The steps applied to this schema; a newer vendas adds its own.
CREATE TABLE IF NOT EXISTS schema_version (
    version INT PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Step 4: sums of the existing rows.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM schema_version WHERE version = 4) THEN
        PERFORM rebuild_sums();
        DROP TABLE IF EXISTS product_ledger;
        DROP FUNCTION IF EXISTS fold_product_ledger(), forget_products(),
                                note_order_differences();
    END IF;
END
$$;

INSERT INTO schema_version (version) VALUES (1), (2), (3), (4), (5) ON CONFLICT DO NOTHING;
