-- One table a kind of record, one column a field; what is nested is JSON text; moments are ISO 8601
-- in UTC. "seq" keeps the order of first saving: an explicit rowid, so that VACUUM cannot change it.

CREATE TABLE sources (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    uri TEXT NOT NULL,
    kind TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    video_id TEXT,
    stamp TEXT NOT NULL,
    info TEXT NOT NULL
);
CREATE INDEX sources_uri ON sources (uri);
CREATE INDEX sources_video ON sources (video_id);

CREATE TABLE videos (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    container TEXT NOT NULL,
    duration_s REAL,
    start_s REAL NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    rotation INTEGER NOT NULL,
    sample_aspect_ratio REAL NOT NULL,
    frame_rate REAL,
    nominal_frame_rate REAL,
    variable_frame_rate INTEGER NOT NULL,
    frame_count INTEGER,
    codec TEXT NOT NULL,
    profile TEXT NOT NULL,
    pixel_format TEXT NOT NULL,
    bit_depth INTEGER NOT NULL,
    colour_space TEXT NOT NULL,
    colour_transfer TEXT NOT NULL,
    colour_primaries TEXT NOT NULL,
    colour_range TEXT NOT NULL,
    hdr TEXT NOT NULL,
    bit_rate_bps INTEGER,
    audio TEXT NOT NULL,
    subtitles TEXT NOT NULL,
    chapters TEXT NOT NULL,
    tags TEXT NOT NULL,
    truncated INTEGER NOT NULL,
    share_read REAL
);
CREATE INDEX videos_path ON videos (path);

CREATE TABLE scenes (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    video_id TEXT NOT NULL,
    detector TEXT NOT NULL,
    "index" INTEGER NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    kind TEXT NOT NULL,
    score REAL NOT NULL,
    thumbnail TEXT NOT NULL
);
CREATE INDEX scenes_place ON scenes (video_id, "index");

CREATE TABLE answers (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    scene_id TEXT NOT NULL,
    video_id TEXT NOT NULL,
    analyzer TEXT NOT NULL,
    plugin TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    ask TEXT NOT NULL,
    text TEXT NOT NULL,
    value TEXT,
    confidence REAL,
    evidence TEXT NOT NULL
);
CREATE INDEX answers_scene ON answers (scene_id);
CREATE INDEX answers_video ON answers (video_id, analyzer, ask);

CREATE TABLE tags (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    score REAL NOT NULL,
    why TEXT NOT NULL,
    scene_id TEXT,
    video_id TEXT NOT NULL,
    tagger TEXT NOT NULL,
    generation TEXT NOT NULL
);
CREATE INDEX tags_scene ON tags (scene_id);
CREATE INDEX tags_video ON tags (video_id, generation);
CREATE INDEX tags_label ON tags (label);

CREATE TABLE reviews (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    target_id TEXT NOT NULL,
    target TEXT NOT NULL,
    action TEXT NOT NULL,
    value TEXT,
    reviewer TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX reviews_target ON reviews (target_id);

CREATE TABLE completions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    item_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    count INTEGER NOT NULL
);
CREATE INDEX completions_item ON completions (item_id, stage, key);

CREATE TABLE failures (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    source TEXT NOT NULL,
    video_id TEXT,
    scene_id TEXT,
    stage TEXT NOT NULL,
    error TEXT NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    retriable INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX failures_run ON failures (run_id);
CREATE INDEX failures_video ON failures (video_id);

CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    sources TEXT NOT NULL,
    settings TEXT NOT NULL,
    lineage TEXT NOT NULL,
    versions TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    heartbeat_at TEXT NOT NULL,
    finished_at TEXT,
    counts TEXT NOT NULL,
    seconds TEXT NOT NULL
);
CREATE INDEX runs_status ON runs (status);

CREATE TABLE run_sources (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    uri TEXT NOT NULL,
    video_id TEXT,
    status TEXT NOT NULL,
    scenes INTEGER NOT NULL,
    reused INTEGER NOT NULL
);
CREATE INDEX run_sources_run ON run_sources (run_id);
CREATE INDEX run_sources_source ON run_sources (source_id);
CREATE INDEX run_sources_video ON run_sources (video_id);

-- Search: an index over what people read, without a second copy of it (https://sqlite.org/fts5.html,
-- "External Content Tables"). The triggers keep it in step, whoever writes.

CREATE VIEW spoken AS SELECT seq, text FROM answers WHERE kind IN ('description', 'question');
CREATE VIRTUAL TABLE words USING fts5 (
    text,
    content = 'spoken',
    content_rowid = 'seq',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER answers_added AFTER INSERT ON answers
WHEN new.kind IN ('description', 'question')
BEGIN
    INSERT INTO words (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER answers_removed AFTER DELETE ON answers
WHEN old.kind IN ('description', 'question')
BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.seq, old.text);
END;
CREATE TRIGGER answers_changed AFTER UPDATE OF seq, kind, text ON answers
WHEN old.seq <> new.seq OR old.kind <> new.kind OR old.text <> new.text
BEGIN
    INSERT INTO words (words, rowid, text)
    SELECT 'delete', old.seq, old.text WHERE old.kind IN ('description', 'question');
    INSERT INTO words (rowid, text)
    SELECT new.seq, new.text WHERE new.kind IN ('description', 'question');
END;
