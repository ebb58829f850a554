"""Analyzer plugin: image statistics."""
