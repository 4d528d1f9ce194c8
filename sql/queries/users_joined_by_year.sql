-- question: How many users joined in each year?
-- param: from_year BIGINT = 2015 -- first year of joining, inclusive
-- param: to_year BIGINT = 2020 -- last year of joining, inclusive
-- chart: bar post_year number_users_joined
--
-- A user is a distinct (user_name, age, date_joined), however many posts there are. Posts take no part: a user whose
-- posts were all left out counts too.
WITH people AS (
    SELECT DISTINCT user_name, age, date_joined
    FROM users
),
dated AS (
    SELECT CAST(date_part('year', date_joined) AS BIGINT) AS post_year
    FROM people
)
SELECT post_year, count(*) AS number_users_joined
FROM dated
WHERE post_year BETWEEN $from_year AND $to_year
GROUP BY post_year
ORDER BY post_year;
