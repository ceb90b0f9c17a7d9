, written_orders AS (
    INSERT INTO {schema}.orders
        (order_id, numbered, total, items, sold_at, charges, kept, cancelled, counted_at,
         processed_at)
    SELECT batch.order_id, batch.numbered, batch.total, batch.items, batch.sold_at,
           batch.charges, batch.kept, batch.cancelled, batch.counted_at, {processed_at}
    FROM moved, UNNEST({orders}::{schema}.order_row[]) AS batch
    {on_order_conflict}
), noted_orders AS (  -- the sums of the rows above, since vendas.noted is set
    INSERT INTO {schema}.orders_ledger
        (hours, orders, totals, charges, days, products, product_orders, quantities, amounts)
    SELECT {order_hours}::timestamp[], {hour_orders}::bigint[], {hour_totals}::numeric[],
           {hour_charges}::numeric[], {days}::date[], {products}::text[],
           {product_orders}::bigint[], {quantities}::numeric[], {amounts}::numeric[]
    FROM moved
    WHERE cardinality({order_hours}::timestamp[]) > 0
)
