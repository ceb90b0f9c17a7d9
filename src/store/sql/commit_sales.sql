-- A batch in which every order has a number and names no product, and no record is a dead letter:
-- commit.sql without what such a batch leaves empty.
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
), unlisted AS (  -- as in commit.sql
    DELETE FROM {schema}.orders
    USING moved, (SELECT id FROM UNNEST($10::text[]) AS id LIMIT cardinality($10)) AS batch
    WHERE orders.numbered AND orders.order_id = batch.id
)
SELECT count(*) FROM moved
