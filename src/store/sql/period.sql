-- The period of a report in the shop's time zone ($1): from $2 to $3 (null: unbounded), or the last
-- $5 units $4 (hour, day or month). $7 defines where the last units end: with the current unit
-- ('whole'), with the current hour of it ('hour'), or before it ('before'). `span` is the distance
-- from the previous period to this one: $6 months, whole units, or the distance between the bounds.
period AS MATERIALIZED (
    SELECT
        since, until, since - span AS since_before, until - span AS until_before, span
    FROM (
        SELECT
            coalesce($2, ended - units) AS since,
            CASE WHEN $7 = 'hour' THEN hour + interval '1 hour' ELSE ended END AS until,
            CASE
                WHEN $6 > 0 THEN make_interval(months => $6)
                WHEN $7 = 'hour' THEN units
                ELSE ended - coalesce($2, ended - units)
            END AS span
        FROM (
            SELECT
                coalesce($3, date_trunc($4, hour) + CASE WHEN $7 = 'before' THEN 0 ELSE 1 END * unit)
                    AS ended,
                $5 * unit AS units,
                hour
            FROM (
                SELECT date_trunc('hour', now() AT TIME ZONE $1) AS hour, ('1 ' || $4)::interval AS unit
            ) AS clock
        ) AS ended
    ) AS bounds
)
