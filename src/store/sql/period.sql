-- The period that a report is asked for, by the shop's clock ($1): from $2 up to $3, or the last $5 of
-- units $4 (hour, day or month), of which the current one is the last. Where a bound is null there is
-- none. `span` leads from the period before to this one: $6 months, or what lies between the bounds.
period AS MATERIALIZED (
    SELECT
        since, until,
        CASE WHEN $6 > 0 THEN make_interval(months => $6) ELSE until - since END AS span
    FROM (
        SELECT coalesce($2, until - $5 * ('1 ' || $4)::interval) AS since, until
        FROM (
            SELECT coalesce($3, date_trunc($4, now() AT TIME ZONE $1) + ('1 ' || $4)::interval)
        ) AS ended (until)
    ) AS bounds
)
