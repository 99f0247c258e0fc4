"""Samplers against the Gaussian, for which the denoiser and the ODE are known in closed form."""

import itertools

import numpy as np
import pytest
import torch

from neurodecode.models.samplers import SAMPLERS, sigmas_flow

MEAN, SD = 0.7, 0.3


def denoise(x, sigma):
    """E[x0 | x] where x0 ~ N(MEAN, SD^2)."""
    return MEAN + SD**2 / (SD**2 + sigma**2) * (x - MEAN)


def exact(x, sigma):
    """End of the probability-flow ODE that starts at x with noise sigma."""
    return MEAN + (x - MEAN) * SD / np.sqrt(SD**2 + sigma**2)


@pytest.mark.parametrize("name", SAMPLERS)
def test_many_steps_reach_the_closed_form(name):
    sigmas = sigmas_flow(400, strength=0.9)
    x = MEAN + torch.linspace(-8, 8, 9, dtype=torch.float64) * sigmas[0] / 8
    drawn = SAMPLERS[name](denoise, x, sigmas)
    np.testing.assert_allclose(drawn, exact(x, sigmas[0]), atol=0.02)


def test_second_order_beats_euler_at_ten_steps():
    sigmas = sigmas_flow(10, strength=0.9)
    x = MEAN + torch.linspace(-1, 1, 9, dtype=torch.float64) * sigmas[0]
    error = {n: float((s(denoise, x, sigmas) - exact(x, sigmas[0])).abs().max())
             for n, s in SAMPLERS.items()}  # fmt: skip
    assert error["dpm2m"] < error["ddim"]


def test_sigmas_fall_to_zero_and_strength_sets_the_start():
    sigmas = sigmas_flow(10, strength=0.5)
    assert sigmas[0] == pytest.approx(1)
    assert sigmas[-1] == 0
    assert all(a > b for a, b in itertools.pairwise(sigmas))


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_callback_sees_every_denoised_estimate(name):
    seen = []
    sigmas = sigmas_flow(6, strength=0.9)
    SAMPLERS[name](denoise, torch.ones(3), sigmas, lambda k, x0: seen.append((k, x0.shape)))
    assert seen == [(k, (3,)) for k in range(6)]
