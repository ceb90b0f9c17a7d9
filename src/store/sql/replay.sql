-- Writes the orders of dead letters, each at most once: unless the stored version is newer than the
-- dead letter, or unconditionally ($6). Returns the dead letters of which an order was written.
--
-- The age of a stored version: a row written by a batch is as old as its processed_at. A row
-- written by a replay is as old as its dead letter: the one whose replayed_at equals the row's
-- processed_at, with this order's key, or without a key if it had several orders. The comparison is
-- as exact as the database's clock. If there is no row, no newer version is known, and the order is
-- written: rows of orders are missing only if they were deleted. (A numbered order that a newer
-- version removed from `orders` is still in `sales`, so `sales` decides for both; a cancelled order
-- is only in `orders`.)
--
-- The transaction holds a lock that excludes batches, so nothing changes between reading and
-- writing. Its time zone is UTC, so timestamps with and without time zone compare correctly.
WITH batch AS (
    SELECT *
    FROM ROWS FROM (
        UNNEST($1::bigint[], $2::timestamptz[], $3::bigint[], $4::boolean[], $5::{schema}.order_row[])
    ) AS batch (letter, failed_at, number, listed, order_id, numbered, total, items, sold_at,
                letters_before, charges, kept, cancelled, counted_at)
), stored AS MATERIALIZED (
    SELECT batch.*,
           CASE WHEN numbered THEN coalesce(
               (SELECT sales.processed_at::timestamptz FROM {schema}.sales
                WHERE sales.order_number = batch.number),
               (SELECT orders.processed_at::timestamptz FROM {schema}.orders
                WHERE orders.order_id = batch.order_id AND orders.numbered AND orders.cancelled)
           ) ELSE
               (SELECT orders.processed_at::timestamptz FROM {schema}.orders
                WHERE orders.order_id = batch.order_id AND NOT orders.numbered)
           END AS processed_at
    FROM batch
), written AS MATERIALIZED (
    SELECT * FROM stored
    WHERE $6 OR (
        coalesce(
            (SELECT max(letters.failed_at) FROM {schema}.dead_letters AS letters
             WHERE letters.replayed_at = stored.processed_at
               AND letters.order_id = stored.order_id AND letters.numbered = stored.numbered),
            (SELECT max(letters.failed_at) FROM {schema}.dead_letters AS letters
             WHERE letters.replayed_at = stored.processed_at AND letters.order_id IS NULL),
            stored.processed_at
        ) > stored.failed_at
    ) IS NOT TRUE
), upserted_orders AS (  -- a trigger removes cancelled ones from `sales`
    INSERT INTO {schema}.orders
        (order_id, numbered, total, items, sold_at, charges, kept, cancelled, counted_at,
         processed_at)
    SELECT order_id, numbered, total, items, sold_at, charges, kept, cancelled, counted_at, now()
    FROM written WHERE listed
    ON CONFLICT (order_id, numbered) DO UPDATE
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at,
        charges = excluded.charges, kept = excluded.kept, cancelled = excluded.cancelled,
        counted_at = excluded.counted_at, processed_at = excluded.processed_at
), unlisted AS (
    DELETE FROM {schema}.orders USING written
    WHERE written.numbered AND NOT written.listed
      AND orders.numbered AND orders.order_id = written.order_id
), upserted_sales AS (
    INSERT INTO {schema}.sales (order_number, total, counted_at, processed_at)
    SELECT number, total, counted_at, now() FROM written WHERE numbered AND NOT cancelled
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, counted_at = excluded.counted_at, processed_at = excluded.processed_at
)
SELECT letter FROM written
