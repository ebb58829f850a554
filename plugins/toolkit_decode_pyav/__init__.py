"""Decoder plugin: PyAV."""
