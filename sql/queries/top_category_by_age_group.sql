-- question: Which category is the most popular in each age group?
-- chart: bar age_group category_count
--
-- No age, or one under 18, belongs to no group; at a tie every category at the top is named.
WITH aged AS (
    SELECT age_group(users.age) AS age_group, pins.category
    FROM pins
    JOIN users ON users.ind = pins.ind
    WHERE pins.category IS NOT NULL
),
counts AS (
    SELECT age_group, category, count(*) AS category_count
    FROM aged
    WHERE age_group IS NOT NULL
    GROUP BY age_group, category
),
ranked AS (
    SELECT *, rank() OVER (PARTITION BY age_group ORDER BY category_count DESC) AS place
    FROM counts
)
SELECT age_group, category, category_count
FROM ranked
WHERE place = 1
ORDER BY age_group, category;
