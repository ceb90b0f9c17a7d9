-- Privileges for `vendas run`, `report`, `verify`, `offsets`, `dead-letters` and `check`. grants-purge.sql has
-- those for `dead-letters purge`, `orders purge` and `orders roll-up`. Run this as the owner, after `vendas schema --apply`:
--
--   psql -d salesdb -U shop_owner -f packaging/grants.sql

GRANT USAGE ON SCHEMA shop TO app;
GRANT SELECT, INSERT, UPDATE ON shop.sales, shop.partitions, shop.dead_letters TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO app;
GRANT INSERT ON shop.offset_resets TO app;
GRANT INSERT ON shop.sales_ledger, shop.orders_ledger TO app;
GRANT SELECT ON shop.schema_version, shop.shop_clock, shop.product_totals TO app;
GRANT SELECT ON shop.product_days, shop.order_hours, shop.order_days TO app;
GRANT SELECT ON shop.retention, shop.roll_ups, shop.product_months TO app;
GRANT SELECT ON shop.archived_sales_hours TO app;
GRANT SELECT ON shop.archived_orders_hours, shop.archived_product_days TO app;
