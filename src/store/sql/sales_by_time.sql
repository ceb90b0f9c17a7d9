-- Sales by hour, day or month ($10), newest last, followed by the whole period: of all products, or
-- of one ($9), from one snapshot. $8: whether to compare with the previous period; its times are
-- shifted into this period to align the units. The average has $11 decimals and is rounded half up
-- from the exact quotient.
WITH {period}, sold AS MATERIALIZED (
    SELECT hour AS time, orders, total AS first, charges AS second
    FROM {schema}.order_hours
    WHERE $9 IS NULL
    UNION ALL
    SELECT day, orders, quantity, amount
    FROM {schema}.product_days
    WHERE product = $9
), placed AS (
    SELECT date_trunc($10, time) AS time, true AS is_now, orders, first, second
    FROM sold, period
    WHERE isfinite(time) AND coalesce(time >= since, true) AND coalesce(time < until, true)
    UNION ALL
    SELECT date_trunc($10, time + span), false, orders, first, second
    FROM sold, period
    WHERE $8 AND time >= since_before AND time < until_before
), sums AS (
    -- The whole has a row even without sales.
    SELECT
        time,
        GROUPING(time) = 1 AS is_whole,
        coalesce(sum(orders) FILTER (WHERE is_now), 0) AS orders,
        coalesce(sum(first) FILTER (WHERE is_now), 0) AS first,
        coalesce(sum(second) FILTER (WHERE is_now), 0) AS second,
        coalesce(sum(orders) FILTER (WHERE NOT is_now), 0) AS orders_before,
        coalesce(sum(first) FILTER (WHERE NOT is_now), 0) AS first_before,
        coalesce(sum(second) FILTER (WHERE NOT is_now), 0) AS second_before
    FROM placed
    GROUP BY GROUPING SETS ((time), ())
), lines AS (
    SELECT
        time, is_whole,
        ARRAY[orders, first, second] || CASE WHEN $9 IS NULL THEN ARRAY[
            sign(first) * div(2 * abs(first) + orders * unit, 2 * nullif(orders, 0) * unit) * unit
        ] END AS figures,
        ARRAY[orders_before, first_before, second_before] || CASE WHEN $9 IS NULL THEN ARRAY[
            sign(first_before) * unit * div(
                2 * abs(first_before) + orders_before * unit, 2 * nullif(orders_before, 0) * unit
            )
        ] END AS before
    FROM sums, (SELECT ('1e-' || $11)::numeric) AS smallest (unit)
)
SELECT
    now() AS as_of, since, until, since_before, until_before,
    (SELECT max(rolled_up_before) FROM {schema}.roll_ups) AS rolled_up_before,
    (SELECT coalesce(sum(orders), 0)::bigint FROM sold WHERE NOT isfinite(time)) AS unknown_orders,
    CASE WHEN is_whole THEN 'total' ELSE 'line' END AS kind,
    CASE $10 WHEN 'hour' THEN to_char(time, 'YYYY-MM-DD"T"HH24:MI')
            WHEN 'day' THEN to_char(time, 'YYYY-MM-DD')
            ELSE to_char(time, 'YYYY-MM')
    END AS name,
    NULL::bigint AS products,
    compared.*,
    NULL::text AS share
FROM period, lines, LATERAL ({compared}) AS compared
ORDER BY time NULLS LAST
