-- Two roles keep what `vendas run` may do apart from what it need not: one owns the tables, the other
-- works on them. To be run by a superuser, in the database of the shop:
--
--   psql -d salesdb -v owner_password=… -v app_password=… -f packaging/roles.sql

CREATE ROLE shop_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE app LOGIN PASSWORD :'app_password';
CREATE SCHEMA shop AUTHORIZATION shop_owner;
