listed AS MATERIALIZED (  -- rows that unlisted.sql would delete: these require an upsert
    SELECT
    FROM (SELECT number::text AS id FROM UNNEST({unlisted}::bigint[]) AS number
          LIMIT cardinality({unlisted}::bigint[])) AS batch
    JOIN {schema}.orders ON orders.numbered AND orders.order_id = batch.id
    -- As in unlisted.sql.
    WHERE (SELECT true FROM {schema}.orders WHERE numbered ORDER BY order_id LIMIT 1)
    LIMIT 1
),
