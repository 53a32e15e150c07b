"""Comparison data (Ruscio & Roche 2012): simulated populations with a known number of factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.efa.retention_kernel import Rule
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import FloatArray, Workers
from recoverymetrics.workers import map_tasks


@dataclass(frozen=True)
class _Population:
    values: FloatArray
    observed: FloatArray
    n: int
    n_samples: int
    generator: np.random.Generator


def comparison_data(
    values: FloatArray,
    max_factors: int,
    generator: np.random.Generator,
    workers: Workers = None,
    *,
    n_population: int = 10_000,
    n_samples: int = 500,
    alpha: float = 0.30,
) -> Rule:
    """Number of factors whose comparison data reproduce the eigenvalues best.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Complete responses.
    max_factors : int
        Most factors.
    generator : numpy.random.Generator
        Random numbers.
    workers : None, int or dask client
        Where samples are drawn.
    n_population, n_samples : int
        Size of each population and number of samples from it.
    alpha : float, default 0.30
        A further factor must lower the root mean square error at this one-sided Mann-Whitney level.

    Returns
    -------
    Rule
        ``curve`` holds the median error for 1, 2, ... factors tried.
    """
    from scipy.stats import mannwhitneyu

    n, p = values.shape
    observed = np.asarray(np.linalg.eigvalsh(np.corrcoef(values, rowvar=False)), dtype=float)[::-1]
    medians: list[float] = []
    before: FloatArray | None = None
    chosen = 0
    for k in range(1, min(max_factors, p - 1) + 1):
        population = generate_population(values, k, n_population, generator)
        parts = 4 if workers else 1
        tasks = [
            _Population(population, observed, n, len(chunk), stream)
            for chunk, stream in zip(np.array_split(np.arange(n_samples), parts), spawn(generator, parts), strict=True)
        ]  # fmt: skip
        errors = np.concatenate(map_tasks(_sample_errors, tasks, workers=workers))
        medians.append(float(np.median(errors)))
        if before is not None and mannwhitneyu(errors, before, alternative="less").pvalue > alpha:
            break
        chosen, before = k, errors
    note = f"last factor that lowers the error of the eigenvalues (alpha {alpha:g})"
    return Rule("cd", chosen, np.array(medians), 1, note)


def generate_population(
    values: FloatArray,
    n_factors: int,
    n_population: int,
    generator: np.random.Generator,
    *,
    max_trials: int = 5,
    max_iterations: int = 50,
) -> FloatArray:
    """Draw a population with the margins of the data and the correlations of a factor model (GenData).

    Scores of ``k`` factors plus noise are ranked and replaced by resampled responses; the model's correlations
    are shifted until the population reproduces the sample's (Ruscio & Kaczetow 2008).

    Returns
    -------
    ndarray, shape (n_population, p)
    """
    p = values.shape[1]
    target: FloatArray = np.asarray(np.corrcoef(values, rowvar=False), dtype=float)
    margins = np.sort(values[generator.integers(0, len(values), (n_population, p)), np.arange(p)], axis=0)
    shared = generator.standard_normal((n_population, n_factors))
    unique = generator.standard_normal((n_population, p))
    intermediate, best, best_error = target, margins, np.inf
    best_matrix, best_residual, step, trials = intermediate, np.zeros_like(target), 1.0, 0
    for _ in range(max_iterations):
        loadings = _common_loadings(intermediate, n_factors)
        noise = np.sqrt(np.maximum(1.0 - np.sum(loadings**2, axis=1), 0.0))
        scores = shared @ loadings.T + unique * noise
        order = np.argsort(scores, axis=0)
        population = np.empty_like(margins)
        np.put_along_axis(population, order, margins, axis=0)
        residual = target - np.corrcoef(population, rowvar=False)
        error = float(np.sqrt(np.mean(residual[np.triu_indices(p, 1)] ** 2)))
        if error < best_error:
            best, best_error, best_matrix, best_residual = population, error, intermediate, residual
            step, trials = 1.0, 0
            intermediate = intermediate + step * residual
        else:
            trials += 1
            if trials >= max_trials:
                break
            step *= 0.5
            intermediate = best_matrix + step * best_residual
    return best


def _common_loadings(R: FloatArray, n_factors: int) -> FloatArray:
    from recoverymetrics.efa.extraction import extract_principal_axis

    found = extract_principal_axis(R, n_factors, tolerance=1e-3, max_iterations=50).loadings
    size = np.sqrt(np.sum(found**2, axis=1, keepdims=True))
    return found / np.maximum(size, 1.0)


def _sample_errors(task: _Population) -> FloatArray:
    errors = np.empty(task.n_samples)
    for at in range(task.n_samples):
        rows = task.generator.integers(0, len(task.values), task.n)
        drawn = np.linalg.eigvalsh(np.corrcoef(task.values[rows], rowvar=False))[::-1]
        errors[at] = np.sqrt(np.mean((task.observed - drawn) ** 2))
    return errors
