-- question: Who has the most followers in each country?
-- chart: bar country follower_count
--
-- A poster counts with the largest follower count seen in that country; posts without a poster or a count are left
-- out. At a tie every poster at the top is named.
WITH posters AS (
    SELECT geos.country, pins.poster_name, max(pins.follower_count) AS follower_count
    FROM pins
    JOIN geos ON geos.ind = pins.ind
    WHERE geos.country IS NOT NULL
      AND pins.poster_name IS NOT NULL
      AND pins.follower_count IS NOT NULL
    GROUP BY geos.country, pins.poster_name
),
ranked AS (
    SELECT *, rank() OVER (PARTITION BY country ORDER BY follower_count DESC) AS place
    FROM posters
)
SELECT country, poster_name, follower_count
FROM ranked
WHERE place = 1
ORDER BY country, poster_name;
