-- The columns of the tables and views that vendas uses ($2) in its schema ($1), each with the
-- table's unique keys (column names joined by commas) and the current role's privileges on it.
SELECT table_class.relname::text AS table_name,
       attribute.attname::text AS column_name,
       format_type(attribute.atttypid, attribute.atttypmod) AS data_type,
       attribute.attnotnull AND NOT attribute.atthasdef AND attribute.attidentity = ''
           AS demands_value,
       table_class.relkind = 'v' AS is_view,
       table_class.relpersistence <> 'u' AS is_logged,
       ARRAY (
           SELECT (
               SELECT string_agg(key_column.attname::text, ',' ORDER BY position.n)
               FROM UNNEST(index.indkey::int2[]) WITH ORDINALITY AS position (attnum, n)
               JOIN pg_attribute AS key_column
                   ON key_column.attrelid = index.indrelid AND key_column.attnum = position.attnum
           )
           FROM pg_index AS index
           WHERE index.indrelid = table_class.oid
             AND index.indisunique AND index.indisvalid AND index.indimmediate
             AND index.indpred IS NULL AND index.indexprs IS NULL
       ) AS unique_keys,
       ARRAY (
           SELECT privilege
           FROM UNNEST(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
           WHERE has_table_privilege(table_class.oid, privilege)
       ) AS privileges
FROM pg_class AS table_class
JOIN pg_namespace AS namespace ON namespace.oid = table_class.relnamespace
JOIN pg_attribute AS attribute
    ON attribute.attrelid = table_class.oid
   AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE namespace.nspname = $1
  AND table_class.relname = ANY ($2)
  AND table_class.relkind IN ('r', 'p', 'v', 'm', 'f')
