"""Betas of the response library: against all runs in one matrix, and their memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import minimize_scalar
from test_glm import HIGH_PASS, N_TRIALS, N_VOLUMES, scanned

from neurodecode.preprocess.glm_library import GlmLibrary, learn_prior, whiten
from neurodecode.preprocess.hrf import library, regressors
from neurodecode.preprocess.runs import prepared_runs, project
from neurodecode.studies.volumes import RowsOnDisk


def on_disk(recording):
    rows = RowsOnDisk(recording.data.shape[1])
    rows.append(recording.data)
    return replace(recording, data=rows)


def test_betas_are_the_best_linear_predictor_of_all_runs_at_once():
    """Generalised least squares for the mean, then the conditional mean of the deviations."""
    recording, _ = scanned(noise=2.0, ar=0.3, gap=5.0, n_units=3)
    found = GlmLibrary(HIGH_PASS, percent=False, max_noise_regressors=0).estimate(recording)
    runs = list(prepared_runs(recording, HIGH_PASS, percent=False))
    prior = learn_prior(runs)
    white = [whiten(run, prior.coefficient) for run in runs]
    signal = np.concatenate([run.signal for run in white])
    for unit, name in enumerate(found.units["hrf"]):
        (curve,) = (c for c in library() if c.name == name)
        courses = []
        for run, plain in zip(white, runs, strict=True):
            each = regressors(curve, run.onsets, run.durations, plain.times)
            each[1:] -= prior.coefficient * each[:-1].copy()
            each[0] *= np.sqrt(1 - prior.coefficient**2)
            courses.append(project(each, run.nuisance))
        X = block_diag(*courses)
        one = X.sum(axis=1)
        K = block_diag(*[np.eye(N_TRIALS) + prior.shift] * len(runs))

        def betas(log_strength, X=X, one=one, K=K, y=signal[:, unit]):
            strength = np.exp(log_strength)
            inverse = np.linalg.inv(np.eye(len(X)) + X @ K @ X.T / strength)
            mean = one @ inverse @ y / (one @ inverse @ one)
            return mean + K @ X.T @ inverse @ (y - mean * one) / strength

        def error(log_strength, unit=unit, betas=betas):
            return np.abs(found.data[:, unit] - betas(log_strength)).max()

        # Some strength gives all betas of the unit.
        assert minimize_scalar(error, bounds=(-7, 7), method="bounded").fun < 1e-3


def test_runs_on_disk_give_the_same_betas():
    recording, _ = scanned(noise=1.0)
    estimator = GlmLibrary(HIGH_PASS, percent=True, max_noise_regressors=5)
    held, read = (estimator.estimate(data) for data in (recording, on_disk(recording)))
    np.testing.assert_array_equal(held.data, read.data)
    assert held.units.equals(read.units)


def test_memory_does_not_grow_with_the_number_of_runs():
    estimator = GlmLibrary(HIGH_PASS, percent=True, max_noise_regressors=5)
    peaks, n_units = [], 300
    for n_runs in (2, 5):
        recording = on_disk(scanned(noise=1.0, n_runs=n_runs, n_units=n_units)[0])
        tracemalloc.start()
        estimator.estimate(recording)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Trials have to be held, twice as dropped ones are left out by copy; designs hold no unit.
    trials, designs = 2 * 3 * N_TRIALS * n_units * 4, 3 * N_VOLUMES * 2 * N_TRIALS * 8
    assert peaks[1] < 1.05 * peaks[0] + trials + designs
    assert 3 * N_VOLUMES * n_units * 8 > 2 * (trials + designs)  # what it was: would be seen
