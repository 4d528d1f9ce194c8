-- question: What is the median follower count of users, by the year in which they joined and their age group?
-- param: from_year BIGINT = 2015 -- first year of joining, inclusive
-- param: to_year BIGINT = 2020 -- last year of joining, inclusive
-- chart: bar post_year median_follower_count
--
-- Over posts, exact and interpolated. A post without a follower count is left out, and so is a group that has none.
WITH grouped AS (
    SELECT
        age_group(users.age)                                 AS age_group,
        CAST(date_part('year', users.date_joined) AS BIGINT) AS post_year,
        CAST(pins.follower_count AS DOUBLE)                  AS followers
    FROM pins
    JOIN users ON users.ind = pins.ind
    WHERE pins.follower_count IS NOT NULL
)
SELECT age_group, post_year, median(followers) AS median_follower_count
FROM grouped
WHERE age_group IS NOT NULL
  AND post_year BETWEEN $from_year AND $to_year
GROUP BY age_group, post_year
ORDER BY age_group, post_year;
