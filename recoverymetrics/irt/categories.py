"""How the response categories work: use, and whether they order persons as they should."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.score_frames import score_codes
from recoverymetrics.irt.tables import reported_parameters


def category_frame(est: Estimated) -> pd.DataFrame:
    """Use and order of each category.

    Returns
    -------
    DataFrame
        One row per group, item and category: n, share of the responses, mean_theta (mean EAP of the persons who
        chose it), threshold (difficulty of reaching it; NaN for the lowest and for items with several slopes),
        ordered (threshold above the one before, and mean_theta moving in the direction of the slope).
    """
    theta = score_codes(est, est.coded, "eap").estimate[:, 0]
    rows = []
    for g, j, names, values, _, _ in reported_parameters(est, "ab"):
        own = est.coded.group == g
        codes = est.coded.codes[own, j]
        thresholds = [v for n, v in zip(names, values, strict=True) if n.startswith("b")]
        direction = np.sign(values[0]) or 1.0
        K = len(est.coded.categories[j])
        means = [float(theta[own][codes == k].mean()) if (codes == k).any() else np.nan for k in range(K)]
        for k in range(K):
            threshold = thresholds[k - 1] if k and len(thresholds) == K - 1 else np.nan
            rising = k < 2 or not np.isfinite(threshold) or direction * (threshold - thresholds[k - 2]) > 0
            moving = k == 0 or not direction * (means[k] - means[k - 1]) <= 0
            rows.append(
                {
                    "group": est.layout.groups[g],
                    "item": est.layout.items[j],
                    "category": est.coded.categories[j][k],
                    "n": int((codes == k).sum()),
                    "share": float((codes == k).sum() / max((codes >= 0).sum(), 1)),
                    "mean_theta": means[k],
                    "threshold": threshold,
                    "ordered": bool(rising and moving),
                }
            )
    return pd.DataFrame(rows)
