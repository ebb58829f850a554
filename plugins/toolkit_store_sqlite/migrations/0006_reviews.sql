-- A review names a scene and its stretch of the video, not a row of a machine, so that it outlives
-- every re-run. Nothing made reviews before. What they have a scene say is searched as well.

DROP TABLE reviews;
CREATE TABLE reviews (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    video_id TEXT NOT NULL,
    scene_id TEXT,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    target TEXT NOT NULL,
    action TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    reviewer TEXT NOT NULL,
    at TEXT NOT NULL,
    said TEXT GENERATED ALWAYS AS (
        CASE WHEN scene_id IS NOT NULL
            AND target IN ('description', 'answer') AND action IN ('accept', 'edit', 'add')
            AND json_type(value) = 'text'
        THEN json_extract(value, '$') END
    ) VIRTUAL
);
CREATE INDEX reviews_video ON reviews (video_id);
CREATE INDEX reviews_word ON reviews (seq + 4611686018427387904);

-- In the index of words their "seq" is far above those of answers.
DROP VIEW spoken;
CREATE VIEW spoken AS
    SELECT seq, text FROM answers WHERE kind IN ('description', 'question')
    UNION ALL SELECT -seq, text FROM syntheses
    UNION ALL SELECT seq + 4611686018427387904, said FROM reviews WHERE said IS NOT NULL;
CREATE TRIGGER reviews_added AFTER INSERT ON reviews WHEN new.said IS NOT NULL
BEGIN
    INSERT INTO words (rowid, text) VALUES (new.seq + 4611686018427387904, new.said);
END;
CREATE TRIGGER reviews_removed AFTER DELETE ON reviews WHEN old.said IS NOT NULL
BEGIN
    INSERT INTO words (words, rowid, text)
    VALUES ('delete', old.seq + 4611686018427387904, old.said);
END;
CREATE TRIGGER reviews_changed AFTER UPDATE ON reviews
BEGIN
    INSERT INTO words (words, rowid, text)
    SELECT 'delete', old.seq + 4611686018427387904, old.said WHERE old.said IS NOT NULL;
    INSERT INTO words (rowid, text)
    SELECT new.seq + 4611686018427387904, new.said WHERE new.said IS NOT NULL;
END;
