-- The posts as they were sent: one row per record of every topic whose name ends in .pin. Nothing is cleaned here;
-- views/*/pins.sql does that. follower_count is text (`124k`), and `index` must stay quoted: bare, it is a keyword
-- of CREATE TABLE.
CREATE EXTERNAL TABLE pin_raw (
    "index"           BIGINT,
    unique_id         VARCHAR,
    title             VARCHAR,
    description       VARCHAR,
    poster_name       VARCHAR,
    follower_count    VARCHAR,
    tag_list          VARCHAR,
    is_image_or_video VARCHAR,
    image_src         VARCHAR,
    downloaded        BIGINT,
    save_location     VARCHAR,
    category          VARCHAR
)
STORED AS TOPIC LOCATION '*.pin';
