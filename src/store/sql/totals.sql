-- The $1 products (null: all) with the largest amounts, and the whole, from one snapshot. Each
-- product comes with the sum of it and all following ones, so that a table can be cut at any line
-- and still show the rest. Shares are in percent, rounded half up to one decimal from the exact
-- quotient: `div` is an integer division; `/` would round first.
WITH totals AS MATERIALIZED (
    SELECT coalesce(product, '') AS product, quantity, amount
    FROM {schema}.product_totals
), whole AS (
    SELECT
        count(*) AS products,
        coalesce(sum(quantity), 0) AS quantity,
        coalesce(sum(amount), 0) AS amount
    FROM totals
), ranked AS (
    SELECT
        product, quantity, amount,
        row_number() OVER (ORDER BY amount DESC, product COLLATE "C") AS rank,
        count(*) OVER from_here AS rest_products,
        sum(quantity) OVER from_here AS rest_quantity,
        sum(amount) OVER from_here AS rest_amount
    FROM totals
    WINDOW from_here AS (ORDER BY amount, product COLLATE "C" DESC ROWS UNBOUNDED PRECEDING)
    ORDER BY rank
    LIMIT $1
), lines AS (
    SELECT
        ranked.*,
        whole.products,
        whole.quantity AS whole_quantity,
        whole.amount AS whole_amount,
        nullif(whole.amount, 0) AS divisor
    FROM whole LEFT JOIN ranked ON true
)
SELECT
    now() AS as_of,
    products,
    trim_scale(whole_quantity)::text AS whole_quantity,
    trim_scale(whole_amount)::text AS whole_amount,
    CASE WHEN divisor IS NOT NULL THEN '100.0' END AS whole_share,
    product,
    trim_scale(quantity)::text AS quantity,
    trim_scale(amount)::text AS amount,
    round(
        sign(amount) * sign(divisor)
            * div(2000 * abs(amount) + abs(divisor), 2 * abs(divisor)) / 10, 1
    )::text AS share,
    rest_products,
    trim_scale(rest_quantity)::text AS rest_quantity,
    trim_scale(rest_amount)::text AS rest_amount,
    round(
        sign(rest_amount) * sign(divisor)
            * div(2000 * abs(rest_amount) + abs(divisor), 2 * abs(divisor)) / 10, 1
    )::text AS rest_share
FROM lines
ORDER BY rank
