-- question: What is the median follower count in each age group?
-- chart: bar age_group median_follower_count
--
-- Over posts, exact and interpolated. A post without a follower count is left out, and so is a group that has none.
WITH aged AS (
    SELECT age_group(users.age) AS age_group, CAST(pins.follower_count AS DOUBLE) AS followers
    FROM pins
    JOIN users ON users.ind = pins.ind
    WHERE pins.follower_count IS NOT NULL
)
SELECT age_group, median(followers) AS median_follower_count
FROM aged
WHERE age_group IS NOT NULL
GROUP BY age_group
ORDER BY age_group;
