-- Sales in a period by a kept field ($9): the $10 values (null: all) with the largest totals, each
-- with the sum of it and all following ones, as in totals.sql, and the whole, from one snapshot.
-- $8: whether to compare with the previous period. The average has $11 decimals and is rounded half
-- up from the exact quotient.
--
-- The value is null for the part of the sums without a row that has this field: orders without it,
-- numbered orders without a row in `orders`, and purged orders of which only the sums remain.
WITH {period}, counted AS MATERIALIZED (
    SELECT {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) AS hour,
           kept ->> $9 AS value,
           CASE WHEN numbered THEN 0 ELSE 1 END AS orders,
           CASE WHEN numbered THEN 0 ELSE total END AS total,
           charges
    FROM {schema}.orders, {schema}.shop_clock
    WHERE NOT cancelled AND kept ? $9
    UNION ALL
    -- An order with a number counts by its row in `sales`.
    SELECT {schema}.counted_hour(sales.counted_at, NULL, sales.processed_at, timezone),
           kept ->> $9, 1, coalesce(sales.total, 0), 0
    FROM {schema}.orders
    -- A row inserted by an operator may not have a number.
    JOIN {schema}.sales
        ON sales.order_number = CASE WHEN order_id ~ '^-?[0-9]{1,18}$' THEN order_id::bigint END,
        {schema}.shop_clock
    WHERE numbered AND NOT cancelled AND kept ? $9
), sold AS (
    SELECT hour, value, orders, total, charges FROM counted
    UNION ALL
    SELECT hour, NULL, -orders, -total, -charges FROM counted
    UNION ALL
    SELECT hour, NULL, orders, total, charges FROM {schema}.order_hours
), placed AS (
    SELECT value, true AS is_now, orders, total, charges
    FROM sold, period
    WHERE (isfinite(hour) OR coalesce(since, until) IS NULL)
      AND coalesce(hour >= since, true) AND coalesce(hour < until, true)
    UNION ALL
    SELECT value, false, orders, total, charges
    FROM sold, period
    WHERE $8 AND hour >= since_before AND hour < until_before
), totals AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT
            value,
            coalesce(sum(orders) FILTER (WHERE is_now), 0) AS orders,
            coalesce(sum(total) FILTER (WHERE is_now), 0) AS total,
            coalesce(sum(charges) FILTER (WHERE is_now), 0) AS charges,
            coalesce(sum(orders) FILTER (WHERE NOT is_now), 0) AS orders_before,
            coalesce(sum(total) FILTER (WHERE NOT is_now), 0) AS total_before,
            coalesce(sum(charges) FILTER (WHERE NOT is_now), 0) AS charges_before
        FROM placed
        GROUP BY value
    ) AS summed
    WHERE value IS NOT NULL OR orders <> 0 OR total <> 0 OR charges <> 0
       OR orders_before <> 0 OR total_before <> 0 OR charges_before <> 0
), whole AS (
    SELECT
        count(*) AS values,
        coalesce(sum(orders), 0) AS orders,
        coalesce(sum(total), 0) AS total,
        coalesce(sum(charges), 0) AS charges,
        coalesce(sum(orders_before), 0) AS orders_before,
        coalesce(sum(total_before), 0) AS total_before,
        coalesce(sum(charges_before), 0) AS charges_before
    FROM totals
), ranked AS (
    SELECT
        totals.*,
        row_number() OVER (ORDER BY total DESC, total_before DESC, value COLLATE "C") AS rank,
        count(*) OVER from_here AS rest_values,
        sum(orders) OVER from_here AS rest_orders,
        sum(total) OVER from_here AS rest_total,
        sum(charges) OVER from_here AS rest_charges,
        sum(orders_before) OVER from_here AS rest_orders_before,
        sum(total_before) OVER from_here AS rest_total_before,
        sum(charges_before) OVER from_here AS rest_charges_before
    FROM totals
    WINDOW from_here AS (
        ORDER BY total, total_before, value COLLATE "C" DESC ROWS UNBOUNDED PRECEDING
    )
    ORDER BY rank
    LIMIT $10
), sums (
    rank, kind, value, values, orders, total, charges, orders_before, total_before, charges_before
) AS (
    SELECT rank, 'line', value, NULL::bigint, orders, total, charges, orders_before, total_before,
           charges_before
    FROM ranked
    UNION ALL
    SELECT rank, 'rest', NULL, rest_values, rest_orders, rest_total, rest_charges,
           rest_orders_before, rest_total_before, rest_charges_before
    FROM ranked
    UNION ALL
    SELECT NULL, 'total', NULL, whole.* FROM whole
), lines AS (
    SELECT
        rank, kind, value, values,
        ARRAY[
            orders, total, charges,
            sign(total) * div(2 * abs(total) + orders * unit, 2 * nullif(orders, 0) * unit) * unit
        ] AS figures,
        ARRAY[
            orders_before, total_before, charges_before,
            sign(total_before) * unit * div(
                2 * abs(total_before) + orders_before * unit, 2 * nullif(orders_before, 0) * unit
            )
        ] AS before
    FROM sums, (SELECT ('1e-' || $11)::numeric) AS smallest (unit)
)
SELECT
    now() AS as_of, since, until, since_before, until_before,
    (
        SELECT coalesce(sum(orders), 0)::bigint
        FROM {schema}.order_hours
        WHERE NOT isfinite(hour) AND coalesce(since, until) IS NOT NULL
    ) AS unknown_orders,
    kind, value AS name, lines.values AS products,
    compared.*,
    (sign(figures[2]) * sign(divisor)
        * div(2000 * abs(figures[2]) + abs(divisor), 2 * abs(divisor)) * 0.1)::text AS share
FROM period, lines, (SELECT nullif(total, 0) FROM whole) AS sum (divisor),
    LATERAL ({compared}) AS compared
ORDER BY rank NULLS LAST, kind
