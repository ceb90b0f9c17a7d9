-- The $10 products (null: all) with the largest amounts in a period, each with the sum of it and
-- all following ones, as in totals.sql, and the whole, from one snapshot. $9 selects a single
-- product; its share is of the whole. $8: whether to compare with the previous period. An order
-- with two products counts for both, so orders have no sum.
WITH {period}, totals AS MATERIALIZED (
    SELECT
        product,
        coalesce(sum(orders) FILTER (WHERE is_now), 0) AS orders,
        coalesce(sum(quantity) FILTER (WHERE is_now), 0) AS quantity,
        coalesce(sum(amount) FILTER (WHERE is_now), 0) AS amount,
        coalesce(sum(orders) FILTER (WHERE is_before), 0) AS orders_before,
        coalesce(sum(quantity) FILTER (WHERE is_before), 0) AS quantity_before,
        coalesce(sum(amount) FILTER (WHERE is_before), 0) AS amount_before
    FROM (
        SELECT
            coalesce(product, '') AS product,
            (isfinite(day) OR coalesce(since, until) IS NULL)
                AND coalesce(day >= since, true) AND coalesce(day < until, true) AS is_now,
            $8 AND day >= since_before AND day < until_before AS is_before,
            sum(orders) AS orders, sum(quantity) AS quantity, sum(amount) AS amount
        FROM {schema}.product_days, period
        -- Does not read days before both periods: with years of sums, these are most of the rows.
        -- Written without `period`, so that the index on days can be used.
        WHERE day >= coalesce(
            $2 - coalesce($3 - $2, '0') - make_interval(months => $6),
            date_trunc($4, now() AT TIME ZONE $1) - 2 * $5 * ('1 ' || $4)::interval,
            '-infinity'
        )
        GROUP BY 1, 2, 3
    ) AS sold
    WHERE is_now OR is_before
    GROUP BY product
), whole AS (
    SELECT
        count(*) AS products,
        coalesce(sum(quantity), 0) AS quantity,
        coalesce(sum(amount), 0) AS amount,
        coalesce(sum(quantity_before), 0) AS quantity_before,
        coalesce(sum(amount_before), 0) AS amount_before
    FROM totals
), ranked AS (
    SELECT
        totals.*,
        row_number() OVER (ORDER BY amount DESC, amount_before DESC, product COLLATE "C") AS rank,
        count(*) OVER from_here AS rest_products,
        sum(quantity) OVER from_here AS rest_quantity,
        sum(amount) OVER from_here AS rest_amount,
        sum(quantity_before) OVER from_here AS rest_quantity_before,
        sum(amount_before) OVER from_here AS rest_amount_before
    FROM totals
    WHERE $9 IS NULL OR product = $9
    WINDOW from_here AS (
        ORDER BY amount, amount_before, product COLLATE "C" DESC ROWS UNBOUNDED PRECEDING
    )
    ORDER BY rank
    LIMIT $10
), lines (rank, kind, product, products, figures, before) AS (
    SELECT rank, 'line', product, NULL::bigint, ARRAY[orders, quantity, amount],
           ARRAY[orders_before, quantity_before, amount_before]
    FROM ranked
    UNION ALL
    SELECT rank, 'rest', NULL, rest_products, ARRAY[NULL, rest_quantity, rest_amount],
           ARRAY[NULL, rest_quantity_before, rest_amount_before]
    FROM ranked
    UNION ALL
    SELECT NULL, 'total', NULL, products, ARRAY[NULL, quantity, amount],
           ARRAY[NULL, quantity_before, amount_before]
    FROM whole
)
SELECT
    now() AS as_of, since, until, since_before, until_before,
    (SELECT max(rolled_up_before) FROM {schema}.roll_ups) AS rolled_up_before,
    (
        SELECT coalesce(sum(orders), 0)::bigint
        FROM {schema}.order_hours
        WHERE NOT isfinite(hour) AND coalesce(since, until) IS NOT NULL
    ) AS unknown_orders,
    kind, product AS name, lines.products,
    compared.*,
    (sign(figures[3]) * sign(divisor)
        * div(2000 * abs(figures[3]) + abs(divisor), 2 * abs(divisor)) * 0.1)::text AS share
FROM period, lines, (SELECT nullif(amount, 0) FROM whole) AS sum (divisor),
    LATERAL ({compared}) AS compared
ORDER BY rank NULLS LAST, kind
