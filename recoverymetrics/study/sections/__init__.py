"""Sections of the report, one module per stage. Each takes the study result and returns a Section or None."""
