-- A batch in which every order has a number and names no product, and no record is a dead letter:
-- commit.sql without what such a batch leaves empty. It does nothing either where a row of `orders`
-- has to go: then commit.sql is for it, and only then are the triggers of `orders` called.
--
-- Most orders are new, and to insert a new row costs PostgreSQL half as much without ON CONFLICT as
-- with it, so that looking first pays. Where another session inserts the same order at the same moment
-- the statement fails with a unique violation, and commit.sql is for the batch, too.
WITH listed AS (
    SELECT orders.order_id
    FROM (SELECT number::text AS id FROM UNNEST($9::bigint[]) AS number LIMIT cardinality($9)) AS batch
    JOIN {schema}.orders ON orders.numbered AND orders.order_id = batch.id
    -- Where no numbered order names a product this one look replaces one for each order. The order
    -- that is asked for is that of the index orders_numbered, which therefore serves also where
    -- `orders` is taken for tiny.
    WHERE (SELECT true FROM {schema}.orders WHERE numbered ORDER BY order_id LIMIT 1)
    LIMIT 1
), stored AS MATERIALIZED (
    SELECT sales.order_number
    FROM (SELECT number FROM UNNEST($9::bigint[]) AS number LIMIT cardinality($9)) AS batch
    JOIN {schema}.sales ON sales.order_number = batch.number
), moved AS (  -- no row: fenced, and nothing below happens
    UPDATE {schema}.partitions
    SET next_offset = $5, leader_epoch = $6, moved_by = $7, moved_at = now()
    WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4
      AND NOT EXISTS (SELECT FROM listed)
    RETURNING
        statement_timestamp() AT TIME ZONE 'UTC' AS processed_at,
        -- Here, since a CTE that nothing reads never runs. True: for this transaction only. The time
        -- zone is for a table `sales` whose processed_at has one.
        set_config('synchronous_commit', $8, true), set_config('TimeZone', 'UTC', true),
        set_config('vendas.noted', $12::boolean::text, true)
), replaced AS (
    INSERT INTO {schema}.sales (order_number, total, counted_at, processed_at)
    SELECT batch.number, batch.total, batch.counted_at, moved.processed_at
    FROM moved, UNNEST($9::bigint[], $10::numeric[], $11::timestamp[]) AS batch (number, total, counted_at)
    WHERE batch.number IN (SELECT order_number FROM stored)
    -- And not an UPDATE: somebody may delete the row meanwhile.
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, counted_at = excluded.counted_at, processed_at = excluded.processed_at
), inserted AS (
    INSERT INTO {schema}.sales (order_number, total, counted_at, processed_at)
    SELECT batch.number, batch.total, batch.counted_at, moved.processed_at
    FROM moved, UNNEST($9::bigint[], $10::numeric[], $11::timestamp[]) AS batch (number, total, counted_at)
    WHERE batch.number NOT IN (SELECT order_number FROM stored)
), noted_sales AS (  -- what is written above, since $12 says so
    INSERT INTO {schema}.sales_ledger (hours, orders, totals)
    SELECT $13::timestamp[], $14::bigint[], $15::numeric[]
    FROM moved
    WHERE cardinality($13) > 0
)
SELECT count(*) FROM moved
