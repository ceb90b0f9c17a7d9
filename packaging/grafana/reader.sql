-- A role for Grafana that can read sums, product names and the reasons of dead letters, but no orders, customers
-- or records. Run this as a superuser in the shop's database, after `vendas schema --apply` has created the tables
-- in the schema `shop`:
--
--   psql -d salesdb -v reader_password=… -f packaging/grafana/reader.sql

CREATE ROLE shop_reader LOGIN PASSWORD :'reader_password' CONNECTION LIMIT 20;
ALTER ROLE shop_reader SET search_path = shop;
ALTER ROLE shop_reader SET default_transaction_read_only = on;
-- Panels are fast; a query that a user enters may not be.
ALTER ROLE shop_reader SET statement_timeout = '10s';
GRANT USAGE ON SCHEMA shop TO shop_reader;
GRANT SELECT ON shop.shop_clock, shop.product_totals, shop.product_days TO shop_reader;
GRANT SELECT ON shop.order_hours, shop.order_days TO shop_reader;
GRANT SELECT (reason, failed_at, replayed_at, discarded_at) ON shop.dead_letters TO shop_reader;
