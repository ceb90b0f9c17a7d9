-- Two roles: one owns the tables, the other has only the privileges of `vendas run`. Run this as a superuser, in
-- the shop's database:
--
--   psql -d salesdb -v owner_password=… -v app_password=… -f packaging/roles.sql

CREATE ROLE shop_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE app LOGIN PASSWORD :'app_password';
CREATE SCHEMA shop AUTHORIZATION shop_owner;
