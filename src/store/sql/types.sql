-- The OIDs of the composite types of orders and of their arrays, and the purge boundary.
SELECT item.oid, item.typarray, order_row.oid, order_row.typarray,
       (SELECT purged_before FROM {schema}.retention)
FROM pg_type AS item, pg_type AS order_row
WHERE item.oid = '{schema}.order_item'::regtype AND order_row.oid = '{schema}.order_row'::regtype
