-- Orders of dead letters, each once: written unless the version that is stored is newer than the dead
-- letter, or in any case ($6). Returns the dead letters of which an order was written.
--
-- How old is what is stored? A batch writes when it was processed, and that is it. A replay does so
-- too, but what it writes is as old as the dead letter that it came from: the one that was replayed
-- at that very time as this order, or as several (then it names none). All this is as exact as the
-- database's clock. Where there is no row, nothing is known of a newer version, and the order is
-- written: an order is only gone if somebody deleted it. (A numbered one that a newer version took
-- out of `orders` is still in `sales`, which therefore decides for both; one that was cancelled is in
-- `orders` alone.)
--
-- The transaction holds a lock that keeps batches out, so that nothing changes between looking and
-- writing, and its time zone is UTC, so that times of both types are the same.
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
), upserted_orders AS (  -- a trigger takes cancelled ones out of `sales`
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
