"""Files in: tables of any format, the published consensus elements, the simulated study."""

from recoverymetrics.io.consensus import load_consensus
from recoverymetrics.io.synthetic_study import SyntheticStudy, load_synthetic, synthetic_folder
from recoverymetrics.io.tables import read_table

__all__ = ["SyntheticStudy", "load_consensus", "load_synthetic", "read_table", "synthetic_folder"]
