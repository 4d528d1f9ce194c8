-- question: Which category was the most popular in each year?
-- param: from_year BIGINT = 2018 -- first year, inclusive
-- param: to_year BIGINT = 2022 -- last year, inclusive
-- chart: bar post_year category_count
--
-- The year is that of the post's timestamp; at a tie every category at the top is named.
WITH dated AS (
    SELECT CAST(date_part('year', geos."timestamp") AS BIGINT) AS post_year, pins.category
    FROM pins
    JOIN geos ON geos.ind = pins.ind
    WHERE pins.category IS NOT NULL
),
counts AS (
    SELECT post_year, category, count(*) AS category_count
    FROM dated
    WHERE post_year BETWEEN $from_year AND $to_year
    GROUP BY post_year, category
),
ranked AS (
    SELECT *, rank() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS place
    FROM counts
)
SELECT post_year, category, category_count
FROM ranked
WHERE place = 1
ORDER BY post_year, category;
