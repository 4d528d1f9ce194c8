-- question: How are follower counts distributed in each age group?
-- chart: bar age_group median
--
-- posts are rows and posters distinct names; both count also where the follower count is missing. The quartiles are
-- exact and interpolated.
WITH aged AS (
    SELECT age_group(users.age) AS age_group, pins.poster_name, pins.follower_count
    FROM pins
    JOIN users ON users.ind = pins.ind
)
SELECT
    age_group,
    count(*)                                                     AS posts,
    count(DISTINCT poster_name)                                  AS posters,
    min(follower_count)                                          AS min,
    percentile_cont(0.25) WITHIN GROUP (ORDER BY follower_count) AS p25,
    median(CAST(follower_count AS DOUBLE))                       AS median,
    percentile_cont(0.75) WITHIN GROUP (ORDER BY follower_count) AS p75,
    max(follower_count)                                          AS max,
    avg(follower_count)                                          AS mean
FROM aged
WHERE age_group IS NOT NULL
GROUP BY age_group
ORDER BY age_group;
