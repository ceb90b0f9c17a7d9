, written_sales AS (
    INSERT INTO {schema}.sales (order_number, total, counted_at, processed_at)
    SELECT batch.number, batch.total, batch.counted_at, {processed_at}
    FROM moved, UNNEST({numbers}::bigint[], {totals}::numeric[], {counted_at}::timestamp[],
                       {letters_before}::int[])
        AS batch (number, total, counted_at, letters_before)
    {on_sale_conflict}
), noted_sales AS (  -- the sums of the rows above, since vendas.noted is set
    INSERT INTO {schema}.sales_ledger (hours, orders, totals)
    SELECT {sale_hours}::timestamp[], {hour_sales}::bigint[], {hour_sale_totals}::numeric[]
    FROM moved
    WHERE cardinality({sale_hours}::timestamp[]) > 0
)
