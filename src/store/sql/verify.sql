-- Compares the views with the sums of the current rows of `sales` and `orders` plus the archived
-- sums of purged ones, from one snapshot. Rolled-up days are compared by month. A missing row
-- counts as 0. Returns at least one row, for the counts.
WITH rolled_up (rolled_up_before) AS (
    SELECT max(rolled_up_before) FROM {schema}.roll_ups
), products AS MATERIALIZED (
    SELECT {schema}.kept_day(day, rolled_up_before) AS day, product, orders, quantity, amount
    FROM {schema}.summed_products(), rolled_up
), hours AS (
    SELECT hour, sum(orders) AS orders, sum(total) AS total, sum(charges) AS charges
    FROM (
        SELECT hour, orders, total, 0 AS charges FROM {schema}.summed_sales()
        UNION ALL
        SELECT hour, orders, total, charges FROM {schema}.summed_orders()
    ) AS part
    GROUP BY hour
), figures (view, time, product, recomputed, first, second, third) AS (
    SELECT 'product_totals', NULL::timestamp, product, true, 0, sum(quantity), sum(amount)
    FROM products GROUP BY product
    UNION ALL
    SELECT 'product_totals', NULL, coalesce(product, ''), false, 0, quantity, amount
    FROM {schema}.product_totals
    UNION ALL
    SELECT 'product_days', day, product, true, orders, quantity, amount FROM products
    UNION ALL
    SELECT 'product_days', {schema}.kept_day(day, rolled_up_before), product, false, orders, quantity,
           amount
    FROM {schema}.product_days, rolled_up
    UNION ALL
    SELECT 'order_hours', hour, NULL, true, orders, total, charges FROM hours
    UNION ALL
    SELECT 'order_hours', hour, NULL, false, orders, total, charges FROM {schema}.order_hours
), compared AS (
    SELECT
        view, time, product,
        coalesce(sum(first) FILTER (WHERE recomputed), 0) AS first,
        coalesce(sum(second) FILTER (WHERE recomputed), 0) AS second,
        coalesce(sum(third) FILTER (WHERE recomputed), 0) AS third,
        coalesce(sum(first) FILTER (WHERE NOT recomputed), 0) AS kept_first,
        coalesce(sum(second) FILTER (WHERE NOT recomputed), 0) AS kept_second,
        coalesce(sum(third) FILTER (WHERE NOT recomputed), 0) AS kept_third
    FROM figures
    GROUP BY view, time, product
), counted AS (
    SELECT
        (SELECT coalesce(sum(orders), 0)::bigint FROM hours) AS orders,
        (SELECT coalesce(sum(orders), 0)::bigint
         FROM (SELECT orders FROM {schema}.archived_sales_hours
               UNION ALL SELECT orders FROM {schema}.archived_orders_hours) AS archived) AS archived,
        count(*) FILTER (WHERE view = 'product_totals') AS products,
        count(*) FILTER (WHERE view = 'product_days') AS product_days,
        count(*) FILTER (WHERE view = 'order_hours') AS hours
    FROM compared
)
SELECT
    counted.*,
    view,
    CASE WHEN time = '-infinity' THEN 'unknown'
         WHEN view = 'product_days' THEN to_char(time, 'YYYY-MM-DD')
         WHEN view = 'order_hours' THEN to_char(time, 'YYYY-MM-DD"T"HH24:MI:SS')
    END AS time,
    product,
    trim_scale(first)::text AS first,
    trim_scale(second)::text AS second,
    trim_scale(third)::text AS third,
    trim_scale(kept_first)::text AS kept_first,
    trim_scale(kept_second)::text AS kept_second,
    trim_scale(kept_third)::text AS kept_third
FROM counted LEFT JOIN (
    SELECT * FROM compared
    WHERE (first, second, third) <> (kept_first, kept_second, kept_third)
) AS differing ON true
ORDER BY view DESC, differing.time, product COLLATE "C"
