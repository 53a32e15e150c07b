"""Alignment: group means from configural parameters when a few parameters differ."""
