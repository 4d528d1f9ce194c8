-- question: Which category is the most popular in each country?
-- chart: bar country category_count
--
-- Popular is what has most posts; at a tie every category at the top is named.
WITH counts AS (
    SELECT geos.country, pins.category, count(*) AS category_count
    FROM pins
    JOIN geos ON geos.ind = pins.ind
    WHERE geos.country IS NOT NULL
      AND pins.category IS NOT NULL
    GROUP BY geos.country, pins.category
),
ranked AS (
    SELECT *, rank() OVER (PARTITION BY country ORDER BY category_count DESC) AS place
    FROM counts
)
SELECT country, category, category_count
FROM ranked
WHERE place = 1
ORDER BY country, category;
