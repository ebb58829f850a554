-- What is said about whole videos, found by search beside what is said about scenes.

CREATE TABLE syntheses (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    video_id TEXT NOT NULL,
    generation TEXT NOT NULL,
    basis TEXT NOT NULL,
    plugin TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    statements TEXT NOT NULL,
    calls INTEGER NOT NULL,
    evidence TEXT NOT NULL
);
CREATE INDEX syntheses_video ON syntheses (video_id, generation);
CREATE INDEX syntheses_word ON syntheses (-seq);

-- One index for both: syntheses have their negative "seq" in it, answers their own.
DROP VIEW spoken;
CREATE VIEW spoken AS
    SELECT seq, text FROM answers WHERE kind IN ('description', 'question')
    UNION ALL SELECT -seq, text FROM syntheses;
CREATE TRIGGER syntheses_added AFTER INSERT ON syntheses
BEGIN
    INSERT INTO words (rowid, text) VALUES (-new.seq, new.text);
END;
CREATE TRIGGER syntheses_removed AFTER DELETE ON syntheses
BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', -old.seq, old.text);
END;
CREATE TRIGGER syntheses_changed AFTER UPDATE OF seq, text ON syntheses
WHEN old.seq <> new.seq OR old.text <> new.text
BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', -old.seq, old.text);
    INSERT INTO words (rowid, text) VALUES (-new.seq, new.text);
END;
