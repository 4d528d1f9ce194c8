-- Where and when each post was made, as it was sent: one row per record of every topic whose name ends in .geo.
-- timestamp is text, because it comes in several forms; views/geos.sql reads them all.
CREATE EXTERNAL TABLE geo_raw (
    ind         BIGINT,
    "timestamp" VARCHAR,
    latitude    DOUBLE,
    longitude   DOUBLE,
    country     VARCHAR
)
STORED AS TOPIC LOCATION '*.geo';
