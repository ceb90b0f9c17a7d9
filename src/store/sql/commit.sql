-- Everything that a batch does, and the partition's next offset with it, by compare-and-set.
WITH moved AS (  -- no row: fenced, and nothing below happens
    UPDATE {schema}.partitions
    SET next_offset = $5, moved_by = $6, moved_at = now()
    WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4
    -- Here, since a CTE that nothing reads never runs. True: for this transaction only.
    RETURNING set_config('synchronous_commit', $7, true)
), upserted_sales AS (
    INSERT INTO {schema}.sales (order_number, total, processed_at)
    SELECT batch.number, batch.total, now() AT TIME ZONE 'UTC'
    FROM moved, UNNEST($8::int[], $9::numeric[]) AS batch (number, total)
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, processed_at = excluded.processed_at
), unlisted AS (  -- numbered orders whose newest version names no product
    DELETE FROM {schema}.orders
    -- A limit that the planner does not know makes it reckon with one row instead of ten, and so
    -- take the index also where it takes `orders` for tiny: a plan made then is kept while it grows.
    USING moved, (SELECT id FROM UNNEST($10::text[]) AS id LIMIT cardinality($10)) AS batch
    WHERE orders.numbered AND orders.order_id = batch.id
), upserted_orders AS (
    INSERT INTO {schema}.orders (order_id, numbered, total, items, sold_at, processed_at)
    SELECT batch.id, batch.numbered, batch.total, batch.items::{schema}.order_item[],
           batch.sold_at::timestamp, now() AT TIME ZONE 'UTC'
    FROM moved, UNNEST($11::text[], $12::boolean[], $13::numeric[], $14::text[], $15::text[])
        AS batch (id, numbered, total, items, sold_at)
    ON CONFLICT (order_id, numbered) DO UPDATE
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at,
        processed_at = excluded.processed_at
), upserted_dead_letters AS (
    INSERT INTO {schema}.dead_letters
        (topic, partition, topic_id, record_offset, key, payload, reason, detail)
    SELECT $1, $2, $3, batch.record_offset, batch.key, batch.payload, batch.reason, batch.detail
    FROM moved, UNNEST($16::bigint[], $17::bytea[], $18::bytea[], $19::text[], $20::text[])
        AS batch (record_offset, key, payload, reason, detail)
    ON CONFLICT (topic_id, partition, record_offset) DO UPDATE
    SET reason = excluded.reason, detail = excluded.detail, failed_at = excluded.failed_at
)
SELECT count(*) FROM moved
