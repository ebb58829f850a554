"""Clips, sheets and previews of videos, made with PyAV: no ffmpeg binary is needed."""
