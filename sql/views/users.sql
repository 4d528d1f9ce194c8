-- Who made each post, cleaned: one row per post, so the same person is here many times. A name of which a half is
-- missing or blank is NULL. A time that cannot be read is NULL.
CREATE VIEW users AS
SELECT DISTINCT
    ind,
    trim(null_if_error(first_name)) || ' ' || trim(null_if_error(last_name)) AS user_name,
    age,
    TRY_CAST(date_joined AS TIMESTAMP)                                       AS date_joined
FROM user_raw
WHERE ind IS NOT NULL;
