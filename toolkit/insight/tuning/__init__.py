"""What reviews teach: thresholds, calibrations, words, and what to look at next."""
