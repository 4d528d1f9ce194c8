-- question: What is the median follower count of users, by the year in which they joined?
-- param: from_year BIGINT = 2015 -- first year of joining, inclusive
-- param: to_year BIGINT = 2020 -- last year of joining, inclusive
-- chart: bar post_year median_follower_count
--
-- Over posts, exact and interpolated. A post without a follower count is left out, and so is a year that has none.
WITH dated AS (
    SELECT
        CAST(date_part('year', users.date_joined) AS BIGINT) AS post_year,
        CAST(pins.follower_count AS DOUBLE)                  AS followers
    FROM pins
    JOIN users ON users.ind = pins.ind
    WHERE pins.follower_count IS NOT NULL
)
SELECT post_year, median(followers) AS median_follower_count
FROM dated
WHERE post_year BETWEEN $from_year AND $to_year
GROUP BY post_year
ORDER BY post_year;
