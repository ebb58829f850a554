"""Downloader plugin: yt-dlp."""
