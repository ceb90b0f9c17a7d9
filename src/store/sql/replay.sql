-- Orders of letters, each once: written unless the version that is stored is newer than the letter,
-- or in any case ($6). Answers the letters whose orders were written.
--
-- How old is what is stored? A batch writes when it was processed, and that is it. A replay does so
-- too, but what it writes is as old as the letter that it came from, which is the one that was
-- replayed at that very time. That a conflicting row is newer is looked at when it is locked, so
-- that nothing slips in between. All this is as exact as the database's clock. Where there is no row, nothing is known of a newer version, and the
-- order is written: an order is only gone if somebody deleted it. (A numbered one that a newer
-- version took out of `orders` is still in `sales`, which therefore decides for both.)
WITH batch AS (
    SELECT *
    FROM ROWS FROM (
        UNNEST($1::bigint[], $2::timestamptz[], $3::bigint[], $4::boolean[], $5::{schema}.order_row[])
    ) AS batch (letter, failed_at, number, listed, order_id, numbered, total, items, sold_at)
), earlier AS (  -- versions that came from letters
    SELECT order_id, numbered, letters.failed_at,
           letters.replayed_at AT TIME ZONE 'UTC' AS processed_at
    FROM batch JOIN {schema}.dead_letters AS letters USING (order_id, numbered)
    WHERE letters.replayed_at IS NOT NULL
), sold AS (
    INSERT INTO {schema}.sales AS stored (order_number, total, processed_at)
    SELECT number, total, now() AT TIME ZONE 'UTC' FROM batch WHERE numbered
    ON CONFLICT (order_number) DO UPDATE
    SET total = excluded.total, processed_at = excluded.processed_at
    WHERE $6 OR (
        coalesce(
            (SELECT max(failed_at) FROM earlier
             WHERE numbered AND order_id = stored.order_number::text
               AND earlier.processed_at = stored.processed_at),
            stored.processed_at AT TIME ZONE 'UTC'
        ) > (SELECT failed_at FROM batch WHERE number = stored.order_number)
    ) IS NOT TRUE
    RETURNING order_number
), unlisted AS (
    DELETE FROM {schema}.orders USING batch JOIN sold ON sold.order_number = batch.number
    WHERE NOT batch.listed AND orders.numbered AND orders.order_id = batch.order_id
), listed AS (
    INSERT INTO {schema}.orders AS stored (order_id, numbered, total, items, sold_at, processed_at)
    SELECT order_id, numbered, total, items, sold_at,
           now() AT TIME ZONE 'UTC'
    FROM batch
    WHERE listed AND (NOT numbered OR number IN (SELECT order_number FROM sold))
    ON CONFLICT (order_id, numbered) DO UPDATE
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at,
        processed_at = excluded.processed_at
    WHERE $6 OR stored.numbered OR (
        coalesce(
            (SELECT max(failed_at) FROM earlier
             WHERE NOT numbered AND order_id = stored.order_id
               AND earlier.processed_at = stored.processed_at),
            stored.processed_at AT TIME ZONE 'UTC'
        ) > (SELECT failed_at FROM batch WHERE NOT numbered AND order_id = stored.order_id)
    ) IS NOT TRUE
    RETURNING order_id, numbered
)
SELECT letter FROM batch
WHERE number IN (SELECT order_number FROM sold)
   OR NOT numbered AND order_id IN (SELECT order_id FROM listed WHERE NOT numbered)
