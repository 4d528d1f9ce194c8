-- Where and when each post was made, cleaned. Duplicates go before the array is made: plain columns are the cheaper
-- key. A time that cannot be read is NULL; two forms of one time are the same row.
CREATE VIEW geos AS
SELECT
    ind,
    country,
    make_array(longitude, latitude) AS coordinates,
    "timestamp"
FROM (
    SELECT DISTINCT
        ind,
        null_if_error(country)             AS country,
        longitude,
        latitude,
        TRY_CAST("timestamp" AS TIMESTAMP) AS "timestamp"
    FROM geo_raw
    WHERE ind IS NOT NULL
) AS located;
