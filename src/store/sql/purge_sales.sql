-- Deletes at most $4 numbered orders that count before $1, in the shop's time zone, and whose rows
-- of `sales` are in the blocks $2 (inclusive) to $3 (exclusive), with their rows of `orders`.
-- Orders without a known time are kept. Rows are locked in the same order as by batches.
WITH picked AS MATERIALIZED (
    SELECT order_number
    FROM {schema}.sales, {schema}.shop_clock
    WHERE sales.ctid >= $2::tid AND sales.ctid < $3::tid
      AND {schema}.counted_hour(counted_at, NULL, processed_at, timezone) < $1
      AND {schema}.counted_hour(counted_at, NULL, processed_at, timezone) > '-infinity'
    LIMIT $4
), locked AS MATERIALIZED (
    SELECT sales.ctid AS place
    FROM {schema}.sales
    WHERE order_number = ANY (ARRAY(SELECT order_number FROM picked))
    ORDER BY order_number
    FOR UPDATE
), gone AS (
    DELETE FROM {schema}.sales
    WHERE ctid = ANY (ARRAY(SELECT place FROM locked))
    RETURNING order_number
), locked_orders AS MATERIALIZED (
    SELECT orders.ctid AS place
    FROM {schema}.orders, {schema}.shop_clock
    WHERE numbered AND order_id = ANY (ARRAY(SELECT order_number::text FROM gone))
      AND {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) < $1
      AND {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) > '-infinity'
    ORDER BY order_id::bigint
    FOR UPDATE OF orders
), gone_orders AS (
    DELETE FROM {schema}.orders
    WHERE ctid = ANY (ARRAY(SELECT place FROM locked_orders))
    RETURNING 1
)
SELECT (SELECT count(*) FROM picked) AS picked,
       (SELECT count(*) FROM gone) AS sales,
       (SELECT count(*) FROM gone_orders) AS orders
