-- Which frames were picked from a scene, and by which sampler, so that they can be read again.
ALTER TABLE scenes ADD COLUMN sampler TEXT NOT NULL DEFAULT '';
ALTER TABLE scenes ADD COLUMN sampled_s TEXT NOT NULL DEFAULT '[]';
