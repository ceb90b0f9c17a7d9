-- Privileges for `vendas dead-letters purge`, `vendas orders purge` and `roll-up`, in addition to grants.sql.
-- The tables' owner has them already. To use another role, preferably not that of `vendas run`:
--
--   psql -d salesdb -U shop_owner -f packaging/grants-purge.sql

GRANT DELETE ON shop.sales, shop.dead_letters TO app;
GRANT INSERT, UPDATE ON shop.retention TO app;
GRANT SELECT, INSERT, UPDATE ON shop.purges TO app;
GRANT INSERT ON shop.roll_ups TO app;
GRANT DELETE ON shop.archived_sales_hours, shop.archived_orders_hours TO app;
GRANT DELETE ON shop.archived_product_days TO app;
