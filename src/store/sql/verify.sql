-- Every product's total as `orders` has it now, beside the one that is kept: one statement, so one
-- moment, whoever writes meanwhile. A product of which nothing is left counts as 0, as does one that
-- is missing. At least one row comes, for the counts.
WITH recomputed AS (
    SELECT
        coalesce(item.product, '') AS product,
        sum(item.quantity) AS quantity,
        sum(item.amount) AS amount
    FROM {schema}.orders, UNNEST(orders.items) AS item
    WHERE NOT orders.cancelled
    GROUP BY 1
), kept AS (
    SELECT coalesce(product, '') AS product, sum(quantity) AS quantity, sum(amount) AS amount
    FROM {schema}.product_totals
    GROUP BY 1
), compared AS (
    SELECT
        product,
        coalesce(recomputed.quantity, 0) AS quantity,
        coalesce(recomputed.amount, 0) AS amount,
        coalesce(kept.quantity, 0) AS kept_quantity,
        coalesce(kept.amount, 0) AS kept_amount
    FROM recomputed FULL JOIN kept USING (product)
), counted AS (
    SELECT
        (SELECT count(*) FROM {schema}.orders) AS orders,
        (SELECT count(*) FROM compared) AS products
)
SELECT
    counted.orders,
    counted.products,
    differing.product,
    trim_scale(differing.quantity)::text AS quantity,
    trim_scale(differing.amount)::text AS amount,
    trim_scale(differing.kept_quantity)::text AS kept_quantity,
    trim_scale(differing.kept_amount)::text AS kept_amount
FROM counted LEFT JOIN (
    SELECT * FROM compared WHERE (quantity, amount) <> (kept_quantity, kept_amount)
) AS differing ON true
ORDER BY differing.product COLLATE "C"
