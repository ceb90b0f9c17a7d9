-- What a purge of the orders that count before $1, in the shop's time zone, would delete.
WITH old_sales AS (
    SELECT hour, total
    FROM {schema}.sales, {schema}.shop_clock,
         LATERAL {schema}.counted_hour(counted_at, NULL, processed_at, timezone) AS hour
    WHERE hour < $1
), old_orders AS (
    SELECT hour, total, numbered OR cancelled AS is_elsewhere
    FROM {schema}.orders, {schema}.shop_clock,
         LATERAL {schema}.counted_hour(counted_at, sold_at, processed_at, timezone) AS hour
    WHERE hour < $1
), of_sales AS (
    SELECT count(*) FILTER (WHERE hour > '-infinity') AS rows,
           count(*) FILTER (WHERE hour = '-infinity') AS unknown,
           coalesce(sum(total) FILTER (WHERE hour > '-infinity'), 0) AS total,
           min(hour) FILTER (WHERE hour > '-infinity') AS first,
           max(hour) AS last
    FROM old_sales
), of_orders AS (
    SELECT count(*) FILTER (WHERE hour > '-infinity') AS rows,
           count(*) FILTER (WHERE hour > '-infinity' AND NOT is_elsewhere) AS orders,
           count(*) FILTER (WHERE hour = '-infinity' AND NOT is_elsewhere) AS unknown,
           coalesce(sum(total) FILTER (WHERE hour > '-infinity' AND NOT is_elsewhere), 0) AS total,
           min(hour) FILTER (WHERE hour > '-infinity') AS first,
           max(hour) AS last
    FROM old_orders
)
SELECT of_sales.rows AS sales, of_orders.rows AS orders_rows,
       of_sales.rows + of_orders.orders AS orders,
       trim_scale(of_sales.total + of_orders.total)::text AS total,
       to_char(least(of_sales.first, of_orders.first), 'YYYY-MM-DD') AS first,
       to_char(greatest(of_sales.last, of_orders.last), 'YYYY-MM-DD') AS last,
       of_sales.unknown + of_orders.unknown AS unknown,
       (SELECT coalesce(sum(orders), 0)::bigint
        FROM (SELECT hour, orders FROM {schema}.archived_sales_hours
              UNION ALL SELECT hour, orders FROM {schema}.archived_orders_hours) AS archived
        WHERE hour < $1) AS archived
FROM of_sales, of_orders
