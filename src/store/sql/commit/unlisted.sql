, unlisted AS (  -- numbered orders whose newest version has no row in `orders`
    DELETE FROM {schema}.orders
    -- A limit that the planner does not know makes it reckon with one row instead of ten, and so
    -- take the index also where it takes `orders` for tiny: a plan made then is kept while it grows.
    USING moved,
          (SELECT number::text AS id FROM UNNEST({unlisted}::bigint[]) AS number
           LIMIT cardinality({unlisted}::bigint[])) AS batch
    WHERE orders.numbered AND orders.order_id = batch.id
      -- Where no numbered order has a row this one look replaces one for each order. The order that
      -- is asked for is that of the index orders_numbered, which therefore serves also where `orders`
      -- is taken for tiny.
      AND (SELECT true FROM {schema}.orders WHERE numbered ORDER BY order_id LIMIT 1)
)
