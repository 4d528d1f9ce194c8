-- The posts, cleaned by the strict rules (--cleaning strict, the default): a row needs a UUID and a follower count
-- that can be read. Error values and blank text become NULL, duplicates go.
CREATE VIEW pins AS
SELECT DISTINCT
    "index"                                                     AS ind,
    unique_id,
    null_if_error(title, 'No Title Data Available', 'Untitled') AS title,
    null_if_error(
        description,
        'No description available Story format',
        'No description available',
        'Untitled'
    )                                                           AS description,
    parse_count(follower_count)                                 AS follower_count,
    null_if_error(poster_name, 'User Info Error')               AS poster_name,
    null_if_error(
        tag_list,
        'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e'
    )                                                           AS tag_list,
    null_if_error(is_image_or_video)                            AS is_image_or_video,
    null_if_error(image_src, 'Image src error.')                AS image_src,
    null_if_error(save_path(save_location))                     AS save_location,
    null_if_error(category)                                     AS category
FROM pin_raw
WHERE "index" IS NOT NULL
  AND is_uuid(unique_id)
  AND parse_count(follower_count) IS NOT NULL;
