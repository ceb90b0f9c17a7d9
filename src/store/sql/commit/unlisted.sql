, unlisted AS (  -- numbered orders whose newest version has no row in `orders`
    DELETE FROM {schema}.orders
    -- With a limit of unknown value the planner estimates one row instead of ten, and uses the
    -- index even if it assumes that `orders` is tiny: such a plan is kept while the table grows.
    USING moved,
          (SELECT number::text AS id FROM UNNEST({unlisted}::bigint[]) AS number
           LIMIT cardinality({unlisted}::bigint[])) AS batch
    WHERE orders.numbered AND orders.order_id = batch.id
      -- If no numbered order has a row, this single lookup replaces one per order. Its ORDER BY
      -- matches the index orders_numbered, so the index is used even if the planner assumes that
      -- `orders` is tiny.
      AND (SELECT true FROM {schema}.orders WHERE numbered ORDER BY order_id LIMIT 1)
)
