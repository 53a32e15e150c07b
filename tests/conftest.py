"""Settings for every test: no interactive plots, the reference helpers on the path."""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).parent / "reference"))
