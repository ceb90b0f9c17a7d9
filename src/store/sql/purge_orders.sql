-- Deletes at most $4 rows of `orders` that count before $1, in the shop's time zone, from the
-- blocks $2 (inclusive) to $3 (exclusive). Rows without a known time are kept. Rows are locked in
-- the same order as by batches.
WITH picked AS MATERIALIZED (
    SELECT orders.ctid AS place, order_id, numbered
    FROM {schema}.orders, {schema}.shop_clock
    WHERE orders.ctid >= $2::tid AND orders.ctid < $3::tid
      AND {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) < $1
      AND {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) > '-infinity'
    LIMIT $4
), locked AS MATERIALIZED (
    SELECT orders.ctid AS place
    FROM {schema}.orders
    WHERE ctid = ANY (ARRAY(SELECT place FROM picked))
    ORDER BY numbered DESC,
             CASE WHEN numbered AND order_id ~ '^-?[0-9]{1,18}$' THEN order_id::bigint END, order_id
    FOR UPDATE
), gone AS (
    DELETE FROM {schema}.orders
    WHERE ctid = ANY (ARRAY(SELECT place FROM locked))
    RETURNING 1
)
SELECT (SELECT count(*) FROM picked) AS picked,
       0::bigint AS sales,
       (SELECT count(*) FROM gone) AS orders
