-- A batch in which every order has an id and no number, or is cancelled, and no record is a dead
-- letter: commit.sql without what such a batch leaves empty. Triggers are called for nothing too.
WITH moved AS (  -- no row: fenced, and nothing below happens
    UPDATE {schema}.partitions
    SET next_offset = $5, leader_epoch = $6, moved_by = $7, moved_at = now()
    WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4
    RETURNING
        statement_timestamp() AT TIME ZONE 'UTC' AS processed_at,
        -- Here, since a CTE that nothing reads never runs. True: for this transaction only.
        set_config('synchronous_commit', $8, true), set_config('vendas.noted', $10::boolean::text, true)
), upserted_orders AS (
    INSERT INTO {schema}.orders
        (order_id, numbered, total, items, sold_at, charges, kept, cancelled, counted_at,
         processed_at)
    SELECT batch.order_id, batch.numbered, batch.total, batch.items, batch.sold_at,
           batch.charges, batch.kept, batch.cancelled, batch.counted_at,
           moved.processed_at
    FROM moved, UNNEST($9::{schema}.order_row[]) AS batch
    ON CONFLICT (order_id, numbered) DO UPDATE
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at,
        charges = excluded.charges, kept = excluded.kept, cancelled = excluded.cancelled,
        counted_at = excluded.counted_at, processed_at = excluded.processed_at
), noted_orders AS (  -- what is written above, since $10 says so
    INSERT INTO {schema}.orders_ledger
        (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
    SELECT $11::timestamp[], $12::bigint[], $13::numeric[], $14::numeric[],
           $15::date[], $16::text[], $17::bigint[], $18::numeric[], $19::numeric[]
    FROM moved
    WHERE cardinality($11) > 0
)
SELECT count(*) FROM moved
