-- Who made each post, as it was sent: one row per record of every topic whose name ends in .user. The same person is
-- here once for every post. date_joined is text, because it comes in several forms; views/users.sql reads them all.
CREATE EXTERNAL TABLE user_raw (
    ind         BIGINT,
    first_name  VARCHAR,
    last_name   VARCHAR,
    age         BIGINT,
    date_joined VARCHAR
)
STORED AS TOPIC LOCATION '*.user';
