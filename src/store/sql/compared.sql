-- The figures of a line as text, with those of the previous period. The change is in percent of the
-- previous figure, rounded half up to one decimal from the exact quotient; null if that figure is
-- 0.
SELECT
    array_agg(trim_scale(figure)::text ORDER BY nth) AS figures_now,
    array_agg(trim_scale(before)::text ORDER BY nth) AS figures_before,
    array_agg(
        (sign(figure - before)
            * div(2000 * abs(figure - before) + abs(divisor), 2 * abs(divisor)) * 0.1)::text
        ORDER BY nth
    ) AS change
FROM (
    SELECT figure, before, nullif(before, 0) AS divisor, nth
    FROM UNNEST(lines.figures, lines.before) WITH ORDINALITY AS each (figure, before, nth)
) AS pair
