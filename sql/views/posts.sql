-- All that is known of a post, side by side: for looking about. The questions join just the two tables that they need.
CREATE VIEW posts AS
SELECT
    pins.ind,
    pins.unique_id,
    pins.title,
    pins.description,
    pins.follower_count,
    pins.poster_name,
    pins.tag_list,
    pins.is_image_or_video,
    pins.image_src,
    pins.save_location,
    pins.category,
    geos.country,
    geos.coordinates,
    geos."timestamp",
    users.user_name,
    users.age,
    users.date_joined
FROM pins
JOIN geos ON geos.ind = pins.ind
JOIN users ON users.ind = pins.ind;
