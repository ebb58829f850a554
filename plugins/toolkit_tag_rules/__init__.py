"""Tagger plugin: rules."""
