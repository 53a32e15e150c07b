"""What was asked for, and what was decided: estimator, standard errors, test, missing data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recoverymetrics.errors import OptionError

Discrepancy = Literal["ML", "GLS", "ULS", "WLS", "DWLS"]
ErrorKind = Literal["standard", "robust_sem", "huber_white", "first_order"]
ScaledTest = Literal["none", "satorra_bentler", "yuan_bentler_mplus", "scaled_shifted", "mean_var_adjusted"]
Missing = Literal["listwise", "fiml", "pairwise"]
Information = Literal["expected", "observed"]

_ESTIMATORS: dict[str, tuple[Discrepancy, ErrorKind, ScaledTest]] = {
    "ML": ("ML", "standard", "none"),
    "MLR": ("ML", "huber_white", "yuan_bentler_mplus"),
    "MLM": ("ML", "robust_sem", "satorra_bentler"),
    "MLMV": ("ML", "robust_sem", "scaled_shifted"),
    "MLMVS": ("ML", "robust_sem", "mean_var_adjusted"),
    "MLF": ("ML", "first_order", "none"),
    "GLS": ("GLS", "standard", "none"),
    "ULS": ("ULS", "standard", "none"),
    "ULSM": ("ULS", "robust_sem", "satorra_bentler"),
    "ULSMV": ("ULS", "robust_sem", "scaled_shifted"),
    "ULSMVS": ("ULS", "robust_sem", "mean_var_adjusted"),
    "WLS": ("WLS", "standard", "none"),
    "DWLS": ("DWLS", "standard", "none"),
    "WLSM": ("DWLS", "robust_sem", "satorra_bentler"),
    "WLSMV": ("DWLS", "robust_sem", "scaled_shifted"),
    "WLSMVS": ("DWLS", "robust_sem", "mean_var_adjusted"),
}
ESTIMATORS = tuple(_ESTIMATORS)
_MISSING = {"listwise": "listwise", "fiml": "fiml", "ml": "fiml", "direct": "fiml", "pairwise": "pairwise"}


@dataclass(frozen=True)
class EstimatorSpec:
    """The resolved choices of a fit.

    Attributes
    ----------
    name : str
        Estimator in the spelling of the literature.
    discrepancy : {"ML", "GLS", "ULS", "WLS", "DWLS"}
        Function that is minimised.
    errors : {"standard", "robust_sem", "huber_white", "first_order"}
        Kind of standard errors.
    test : str
        Scaled test, ``"none"`` when there is the standard one only.
    missing : {"listwise", "fiml", "pairwise"}
        Treatment of missing responses.
    information : {"expected", "observed"}
        Information matrix behind standard errors.
    wishart : bool
        Wishart likelihood (covariances divided by n - 1) instead of the normal one.
    """

    name: str
    discrepancy: Discrepancy
    errors: ErrorKind
    test: ScaledTest
    missing: Missing
    information: Information
    wishart: bool = False

    @property
    def fiml(self) -> bool:
        """Whether the likelihood is summed over missing-data patterns."""
        return self.missing == "fiml"

    @property
    def likelihood_based(self) -> bool:
        """Whether log-likelihood, AIC and BIC exist."""
        return self.discrepancy == "ML"


def resolve_estimator(
    estimator: str | None,
    *,
    ordinal: bool,
    missing: str,
    information: str | None,
    likelihood: str,
) -> EstimatorSpec:
    """Check the options against one another and fill in the defaults.

    Raises
    ------
    OptionError
        Unknown names, or combinations that do not exist; the message lists what does.
    """
    name = (estimator or ("WLSMV" if ordinal else "ML")).upper()
    if name not in _ESTIMATORS:
        raise OptionError(f"estimator={estimator!r} is unknown; choose from {', '.join(ESTIMATORS)}.")
    if missing not in _MISSING:
        raise OptionError(f"missing={missing!r} is unknown; choose 'listwise', 'fiml' or 'pairwise'.")
    if likelihood not in ("normal", "wishart"):
        raise OptionError(f"likelihood={likelihood!r} is unknown; choose 'normal' or 'wishart'.")
    if information not in (None, "expected", "observed"):
        raise OptionError(f"information={information!r} is unknown; choose 'expected' or 'observed'.")
    discrepancy, errors, test = _ESTIMATORS[name]
    kept = _MISSING[missing]
    _check_combination(name, discrepancy, kept, ordinal=ordinal, wishart=likelihood == "wishart")
    default = "observed" if kept == "fiml" or errors == "huber_white" else "expected"
    return EstimatorSpec(
        name,
        discrepancy,
        errors,
        test,
        kept,  # type: ignore[arg-type]
        information or default,  # type: ignore[arg-type]
        likelihood == "wishart",
    )


def _check_combination(name: str, discrepancy: str, missing: str, *, ordinal: bool, wishart: bool) -> None:
    if ordinal and discrepancy in ("ML", "GLS"):
        raise OptionError(
            f"estimator={name!r} is for continuous variables; for ordered ones choose WLSMV, WLSM, DWLS, WLS, "
            "ULSMV, ULSM or ULS (or fit_irt for maximum likelihood)."
        )
    if missing == "fiml" and name not in ("ML", "MLR", "MLF"):
        raise OptionError(f"missing='fiml' needs estimator='ML' or 'MLR', not {name!r}.")
    if missing == "pairwise" and not ordinal:
        raise OptionError(
            "missing='pairwise' is for ordered variables; use missing='fiml' for continuous ones."
        )
    if wishart and discrepancy != "ML":
        raise OptionError("likelihood='wishart' needs a maximum likelihood estimator.")
