"""Placeholder to be written."""
