-- question: In which country is the poster with the most followers of all?
-- chart: bar country follower_count
--
-- The largest count of top_poster_by_country, and every country that reaches it. As there, posts without a poster or a
-- count are left out.
WITH countries AS (
    SELECT geos.country, max(pins.follower_count) AS follower_count
    FROM pins
    JOIN geos ON geos.ind = pins.ind
    WHERE geos.country IS NOT NULL
      AND pins.poster_name IS NOT NULL
      AND pins.follower_count IS NOT NULL
    GROUP BY geos.country
),
ranked AS (
    SELECT *, rank() OVER (ORDER BY follower_count DESC) AS place
    FROM countries
)
SELECT country, follower_count
FROM ranked
WHERE place = 1
ORDER BY country;
