-- Why a link could not be fetched, and what the site says about a video.
ALTER TABLE failures ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE videos ADD COLUMN info TEXT NOT NULL DEFAULT '{}';
