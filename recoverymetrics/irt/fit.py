"""``fit_irt``: from responses to a calibrated model."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from recoverymetrics.errors import EstimationWarning, ModelError
from recoverymetrics.instrument.frame import read_items, to_pandas
from recoverymetrics.irt.calibration import Calibration, Estimated
from recoverymetrics.irt.checks import (
    check_regression,
    check_usage,
    check_variation,
    complaints,
    thin_factors,
    truncated,
)
from recoverymetrics.irt.covariates import covariate_names, read_covariates, select_columns
from recoverymetrics.irt.davidian import maximise_with_curves
from recoverymetrics.irt.histogram import maximise_with_histogram
from recoverymetrics.irt.layout_build import build_layout
from recoverymetrics.irt.likelihood import Problem
from recoverymetrics.irt.priors import Prior, check_priors
from recoverymetrics.irt.responses import CodedResponses, code_responses, collapse
from recoverymetrics.irt.result import IRTResult
from recoverymetrics.irt.search import (
    allowed_start,
    initial,
    log_prior,
    prior_terms,
    search,
    search_adaptive,
    search_proportional,
    with_covariance,
)
from recoverymetrics.irt.second_order import at_bound, proportional_slopes
from recoverymetrics.irt.spec import (
    ORDERS,
    AdaptiveQuadrature,
    IRTSpec,
    Rule,
    check_choices,
    check_density,
    check_limits,
    make_nodes,
    make_restrictions,
    model_names,
    resolve_quadrature,
)
from recoverymetrics.irt.structure import Bifactor, Structure, read_structure
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed


def fit_irt(
    data: IntoFrame,
    model: str | Mapping[str, str] = "graded",
    *,
    structure: str | Bifactor | Structure | None = None,
    n_factors: int = 1,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    equal: Collection[str] | str = (),
    free: Collection[str] | str = ("means", "variances"),
    partial: Collection[str] | str = (),
    fixed: Mapping[str, float] | None = None,
    constrain: Sequence[Collection[str]] = (),
    quadrature: int | Rule = 61,
    estimator: str = "em",
    se: str | None = "oakes",
    density: str = "normal",
    priors: Mapping[str, Prior] | None = None,
    weights: FloatArray | Sequence[float] | None = None,
    covariates: Sequence[str] | str | IntoFrame | None = None,
    start: IRTResult | FloatArray | None = None,
    seed: Seed = None,
    tolerance: float = 1e-7,
    max_iterations: int = 500,
) -> IRTResult:
    r"""Calibrate an item response model by marginal maximum likelihood.

    Parameters
    ----------
    data : DataFrame, Responses, mapping or 2-D array
        One row per person, one column per item; missing responses are kept and contribute nothing.
    model : str or mapping of item to str, default "graded"
        ``"rasch"``, ``"1pl"``, ``"2pl"``, ``"3pl"``, ``"4pl"``, ``"graded"``, ``"gpcm"``, ``"pcm"``, ``"rsm"``,
        ``"nominal"``, ``"sequential"``, ``"grsm"`` (graded rating scale); a mapping mixes formats. Rasch, pcm and rsm fix slopes at one and free
        the latent variance.
    structure : str, Bifactor or None
        lavaan measurement lines (``"f1 =~ i1 + i2"``; factors are correlated unless ``"f1 ~~ 0*f2"``; ``"g =~ f1 + f2 +
        f3"`` is a second-order factor, see ``IRTResult.second_order``), or a bifactor or two-tier structure. None is one factor, or an exploratory model with ``n_factors``.
    n_factors : int, default 1
        Number of factors of an exploratory model.
    items : sequence of str, optional
        Item columns; by default all but ``group`` and ``covariates``.
    group : str or array-like, optional
        Groups. The first one has mean 0 and variance 1.
    equal : collection of str, default ()
        What is equal across groups: ``"slopes"``, ``"intercepts"``, and names of items that are anchors (all
        their parameters equal). With the default nothing is equal: each group is calibrated on its own N(0, 1).
    free : collection of str, default ("means", "variances")
        Latent moments of the later groups that are estimated, as far as something in ``equal`` identifies
        them: means need equal intercepts, variances equal slopes (of one item at least).
    partial : collection of str, default ()
        Items (``"i4"``) or parameters (``"i4.a1"``) that differ between groups in spite of ``equal``.
    fixed : mapping, optional
        Parameters held at values, ``{"i1.a1": 1.2, "i1.d1": 0.3}`` (slope-intercept form): fixed-parameter
        calibration. See ``IRTResult.fixed_values``.
    constrain : sequence of sets, optional
        Sets of ``"item.parameter"`` that share one value.
    quadrature : int, Quadrature, QuasiMonteCarlo or AdaptiveQuadrature, default 61
        Nodes per dimension over [-6, 6]. With the default, two dimensions take 25, three 17, more take
        adaptive quadrature (every item on one factor) or quasi-random points.
    estimator : {"em", "qmcem"}, default "em"
        Fixed quadrature, or quasi-Monte Carlo nodes. Both are EM-gradient steps with quasi-Newton
        acceleration on the marginal likelihood.
    se : {"oakes", "crossprod", "sandwich"} or None, default "oakes"
        Standard errors from the observed information (Oakes identity), the cross-product of casewise scores,
        or both.
    density : {"normal", "empirical", "davidian", "davidian-<order>"}, default "normal"
        Latent density of each group (one factor): normal; a histogram on the nodes estimated with the items, which
        standard errors treat as known; or a Davidian curve (Woods & Lin 2009) of order 1 to 10, whose shape is part of
        the information matrix. ``"davidian"`` takes the order with the lowest BIC, zero (normal)
        included.
    priors : mapping, optional
        ``{"logit_g": Normal(-1.5, 0.5), "i3.a1": LogNormal(0, 0.5)}``.
    weights : array-like, optional
        Sampling weight of each person. Use ``se="sandwich"`` with them.
    covariates : str, sequence of str or DataFrame, optional
        Columns of the data, or a table of one row per person, on which the latent variables are regressed while the
        items are calibrated (``covdata=`` and ``formula=`` in mirt): ``theta = Gamma' x + e``. Text and categorical
        columns become indicators against their first level, numbers are taken as they are. The intercept is 0 and the
        residual variance 1 (Rasch models: free), so theta is 0 for persons whose covariates are all zero. See
        ``IRTResult.regression``; scores and plausible values use the regression.
    start : IRTResult or ndarray, optional
        Warm start: parameters of an earlier fit are taken over by name wherever they exist. This makes
        re-fitting with one more constraint or one item freed (likelihood-ratio DIF sweeps) a matter of a few
        E-steps; ``IRTResult.refit`` also keeps the coded data.
    seed : int or Generator, optional
        Unused by deterministic estimators; accepted for symmetry.
    tolerance : float, default 1e-7
        Stop when the log-likelihood can gain no more than this.
    max_iterations : int, default 500
        Most E-steps.

    Returns
    -------
    IRTResult

    Raises
    ------
    DataError
        Items without variation, categories that nobody used in a group where they would be estimated.
    ModelError
        Structures that cannot be read or are not identified.
    OptionError
        Unknown option values.

    References
    ----------
    Bock RD, Aitkin M (1981). Psychometrika 46:443-459. Chalmers RP (2018). Br J Math Stat Psychol 71:415-436.
    Adams RJ, Wilson M, Wu M (1997). J Educ Behav Stat 22:47-76 (latent regression).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> theta = rng.standard_normal(400)
    >>> data = (theta[:, None] + rng.logistic(size=(400, 5)) > 0).astype(int)
    >>> fit_irt(data, "2pl", se=None).converged
    True
    """
    named = () if covariates is None else covariate_names(covariates) or ()
    if named and items is None and not hasattr(data, "item_data"):
        columns = select_columns(data, named)
        left_out = {*columns.columns, *((group,) if isinstance(group, str) else ())}
        items = [name for name in to_pandas(data).columns if name not in left_out]
    record = read_items(data, items=items, group=group)
    name, kind = check_choices(estimator, se)
    check_limits(tolerance, max_iterations)
    resolved = read_structure(structure, record.items, n_factors)
    rule = resolve_quadrature(quadrature, resolved, name)
    spec = IRTSpec(
        models=model_names(model, record.items),
        structure=resolved,
        rules=make_restrictions(equal, partial, free, fixed, constrain),
        quadrature=rule,
        estimator=name,
        se=kind,
        density=check_density(density, resolved),
        priors=check_priors(priors),
        group=group if isinstance(group, str) else None,
    )
    coded = code_responses(record, weights=weights)
    if covariates is not None:
        coded = replace(coded, covariates=read_covariates(data, covariates, coded.n))
    check_regression(spec, coded)
    notes = check_variation(coded)
    if spec.density == "davidian":
        return best_order(spec, coded, start, tolerance, max_iterations, notes)
    return calibrate(
        spec, coded, start=start, tolerance=tolerance, max_iterations=max_iterations, notes=notes
    )


def best_order(
    spec: IRTSpec,
    coded: CodedResponses,
    start: IRTResult | FloatArray | None,
    tolerance: float,
    max_iterations: int,
    notes: tuple[str, ...],
) -> IRTResult:
    """The normal density and Davidian curves of rising order until the BIC has risen twice; the lowest BIC."""
    best, worse, smallest = "normal", 0, np.inf
    for name in ("normal", *(f"davidian-{order}" for order in ORDERS)):
        trial = replace(spec, density=name, se=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            fit = calibrate(trial, coded, start=start, tolerance=tolerance, max_iterations=max_iterations)
        bic = float(fit.glance()["bic"][0])
        best, worse, smallest = (trial.density, 0, bic) if bic < smallest else (best, worse + 1, smallest)
        start = fit
        if worse == 2:
            break
    spec = replace(spec, density=best)
    return calibrate(
        spec, coded, start=start, tolerance=tolerance, max_iterations=max_iterations, notes=notes
    )


def calibrate(
    spec: IRTSpec,
    coded: CodedResponses,
    *,
    problem: Problem | None = None,
    start: IRTResult | FloatArray | None = None,
    tolerance: float = 1e-7,
    max_iterations: int = 500,
    notes: tuple[str, ...] = (),
) -> IRTResult:
    """Estimate a resolved specification on coded responses; ``problem`` of an earlier fit saves the coding."""
    parts = (coded.items, coded.n_categories, coded.groups, spec.choices, spec.structure, spec.rules)
    terms = () if coded.covariates is None else coded.covariates.terms
    layout = build_layout(*parts, terms=terms)
    notes = (*notes, *check_usage(layout, coded, spec))
    nodes, specific = make_nodes(spec.quadrature, spec.structure)
    patterns = collapse(coded) if problem is None else problem.patterns
    task = Problem(
        layout,
        patterns,
        nodes,
        specific,
        prior_terms(layout, spec.priors),
        products=proportional_slopes(layout, spec.rules),
    )
    first = allowed_start(task, initial(layout, coded, start))
    with single_thread():
        if isinstance(spec.quadrature, AdaptiveQuadrature):
            task = replace(task, adaptive=spec.quadrature.n)
            found, covariance, ok = search_adaptive(task, first, spec, tolerance, max_iterations)
        elif task.products is not None:
            found, covariance, ok = search_proportional(task, first, spec, tolerance, max_iterations)
        else:
            found = search(task, first, spec, tolerance, max_iterations)
            if spec.density == "empirical":
                found, task = maximise_with_histogram(task, found, tolerance)
            elif spec.order:
                curved = build_layout(*parts, n_angles=spec.order)
                found = maximise_with_curves(
                    replace(task, layout=curved), found, task, tolerance, max_iterations
                )
                task = replace(task, layout=curved)
            layout = task.layout
            found, covariance, ok = with_covariance(task, found, spec.se)
    if not np.isfinite(found.point.value):
        raise ModelError(
            "the likelihood is not defined where the search began: the values in fixed=, constrain= and start= exclude "
            "one another, or rule out an answer in the data. Change them."
        )
    if task.products is not None:
        notes = (*notes, *at_bound(Estimated(Calibration(spec, coded, task), found.x)))
    notes = (
        *notes,
        *complaints(layout, found, ok, spec.se),
        *truncated(layout, found.x, spec, coded.covariates),
    )
    if all(choice.slope == "free" for choice in spec.choices):
        notes = (*notes, *thin_factors(spec.structure, spec.rules, coded.items, trouble=ok is False))
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=3)
    return IRTResult(
        calibration=Calibration(spec, coded, task),
        x=found.x,
        covariance=covariance,
        loglik=found.point.value - log_prior(task, found.x),
        log_prior=log_prior(task, found.x),
        n_evaluations=found.n_evaluations,
        stopped=found.converged,
        information_positive=ok,
        notes=notes,
    )
