-- Deletes archived sums before $1: all sums of orders by hour, and the product sums of the first
-- day after $2 (null: of the first day). Returns that day, or null if there is none. A rolled-up
-- month is deleted only if all of its days are before $1.
WITH next AS MATERIALIZED (
    SELECT min(day) AS day
    FROM {schema}.archived_product_days
    WHERE day < $1 AND day > coalesce($2, '-infinity')
      AND (
          day < coalesce((SELECT max(rolled_up_before) FROM {schema}.roll_ups), '-infinity')
          AND date_trunc('month', day::timestamp) + interval '1 month' > $1
      ) IS NOT TRUE
), gone_sales AS (
    DELETE FROM {schema}.archived_sales_hours WHERE hour < $1
), gone_orders AS (
    DELETE FROM {schema}.archived_orders_hours WHERE hour < $1
), gone_products AS (
    DELETE FROM {schema}.archived_product_days WHERE day = (SELECT day FROM next)
)
SELECT day FROM next
