"""Noise has the covariance that it claims, in time, over voxels and over trials."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.simulate.glm import mean_curve, noise_variance, readout
from neurodecode.simulate.hrf import design
from neurodecode.simulate.noise import (
    ar_covariance,
    ar_levels,
    ar_noise,
    draw_gains,
    drift_basis,
    gain_variance,
    head_motion,
    noise_space,
)
from neurodecode.simulate.world import WORLDS, Schedule

WORLD = WORLDS["realistic"]
NOISE = WORLD.noise


@pytest.mark.parametrize("coefficient", [0.0, 0.35, 0.8])
def test_ar_noise_has_its_covariance(coefficient):
    white = np.random.default_rng(0).standard_normal((12, 60_000), np.float32)
    drawn = ar_noise(white, coefficient)
    found = drawn @ drawn.T / drawn.shape[1]
    np.testing.assert_allclose(found, ar_covariance(12, coefficient), atol=0.025)


def test_voxels_have_the_mean_and_spread_of_ar_asked_for():
    levels = ar_levels(NOISE)
    assert levels.mean() == pytest.approx(NOISE.ar[0])
    assert levels.std() == pytest.approx(NOISE.ar[1], rel=0.15)


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(200, 6)))[0]
    signal = rng.normal(size=(300, 6)) @ basis.T
    signal = ((signal - signal.mean(0)) / signal.std(0)).astype(np.float32)
    outside = rng.normal(size=(200, 4)).astype(np.float32)
    return signal, noise_space(replace(NOISE, correlated=0.6, inside=0.5), signal, outside)


def test_noise_has_unit_variance_and_the_covariance_of_its_loadings(space):
    _, made = space
    rng = np.random.default_rng(2)
    drawn = made.draw(20_000, lambda white, level: white, np.zeros(200, int), rng)
    expected = made.factor.T @ made.factor + 0.4 * np.eye(200)
    np.testing.assert_allclose(np.diag(expected), 1, atol=1e-5)
    np.testing.assert_allclose(drawn.T @ drawn / 20_000, expected, atol=0.06)


def test_half_of_what_is_shared_lies_along_the_signal(space):
    signal, made = space
    directions = np.linalg.svd(signal, full_matrices=False)[2][:6]
    covariance = made.factor.T @ made.factor + 0.4 * np.eye(200)
    inside = np.trace(directions @ covariance @ directions.T) / 200
    # Scaling each voxel to unit variance bends the noise a little out of the subspace.
    assert 0.27 < inside < 0.3 + 0.7 * 6 / 200 + 0.02
    # Averaging over voxels does not remove it: as decoders see it, it is the signal's own shape.
    own = made.inside.T @ made.inside
    like = np.corrcoef(own.ravel(), (signal.T @ signal).ravel())[0, 1]
    assert like > 0.97


def trials(n_runs=200, n=50):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"run": np.repeat(np.arange(n_runs), n), "onset": np.tile(np.arange(n) * 4.0, n_runs),
         "repeat": rng.integers(0, 2, n * n_runs)}
    )  # fmt: skip


def test_gains_adapt_tire_and_lapse():
    table = trials()
    gain = draw_gains(table, NOISE, np.random.default_rng(1))
    calm = draw_gains(table, replace(NOISE, adaptation=0, fatigue=0), np.random.default_rng(1))
    assert calm.var() == pytest.approx(gain_variance(NOISE), rel=0.1)
    lapsed = calm < 0.55
    start, end, _ = NOISE.lapse
    assert lapsed.mean() == pytest.approx(start / (start + end), rel=0.2)
    assert lapsed[1:][lapsed[:-1]].mean() == pytest.approx(1 - end, abs=0.08)
    awake, seen = ~lapsed, table["repeat"] > 0
    lost = gain[awake & seen].mean() / gain[awake & ~seen].mean()
    assert lost == pytest.approx(1 - NOISE.adaptation, abs=0.01)
    early = table["onset"] < 100
    assert gain[awake & early].mean() - gain[awake & ~early].mean() == pytest.approx(
        NOISE.fatigue / 2, abs=0.015
    )


def test_head_motion_gives_the_displacement_of_power():
    head = head_motion(500, NOISE, np.random.default_rng(3))
    moved = np.abs(np.diff(head.parameters, axis=0))
    expected = moved[:, :3].sum(axis=1) + 50 * moved[:, 3:].sum(axis=1)
    np.testing.assert_allclose(head.displacement[1:], expected)
    assert head.displacement[0] == 0
    jerked = head.jerks > 0
    assert jerked.any()
    assert head.displacement[jerked].min() > 2 * np.median(head.displacement)
    assert np.median(head.displacement) < 0.2


def test_drift_is_slow():
    basis = drift_basis(Schedule(), 200)
    np.testing.assert_allclose(basis.std(axis=0), 1, atol=0.01)
    np.testing.assert_allclose(basis.T @ basis / 200, np.eye(basis.shape[1]), atol=1e-9)
    assert basis.shape[1] == int(2 * 200 * 2 / 128)


def test_the_readout_recovers_responses_and_ignores_drift():
    rng = np.random.default_rng(4)
    onsets = 8 + 4.0 * np.sort(rng.permutation(40)[:32])
    nuisance = rng.normal(size=(100, 3))
    rows = readout(onsets, 100, WORLD.hrf, WORLD.schedule, nuisance)
    course = design(mean_curve(WORLD.hrf, 2.0), onsets, 100, 2.0)[0]
    truth = rng.normal(size=32)
    series = course @ truth + 7 + drift_basis(WORLD.schedule, 100) @ rng.normal(size=3)
    np.testing.assert_allclose(rows @ (series + nuisance @ [1, 2, 3]), truth, atol=1e-8)
    drawn = ar_noise(rng.standard_normal((100, 20_000), np.float32), 0.35)
    assert noise_variance(rows, 0.35) == pytest.approx((rows @ drawn).var(), rel=0.02)
