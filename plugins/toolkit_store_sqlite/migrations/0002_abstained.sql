-- Whether an analyzer was too unsure to answer.

ALTER TABLE answers ADD COLUMN abstained INTEGER NOT NULL DEFAULT 0;
