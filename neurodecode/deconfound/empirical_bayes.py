"""Many estimates of the same kind, each drawn towards what all of them together make likely.

z_j ~ N(theta_j, I), theta_j ~ G, j = 1 ... n. G is the nonparametric maximum likelihood (Kiefer and
Wolfowitz 1956; Koenker and Mizera 2014, Journal of the American Statistical Association 109, 674)
over fixed atoms, found by expectation maximisation; what is returned is E(theta_j | z_j).
"""

from __future__ import annotations

import numpy as np

from neurodecode.deconfound.demographics import Array

__all__ = ["common_factor", "posterior_mean"]

N_ATOMS = 250
N_STEPS = 60


def posterior_mean(z: Array) -> Array:
    """Return the posterior mean of each estimate, (d, n), as ``z``.

    Parameters
    ----------
    z : (d, n)
        n estimates of d numbers each, in units of their standard errors and uncorrelated. With
        d = 1 the atoms are an even grid; with more they are every so many of the estimates
        (Soloff, Guntuboyina and Sen 2025), whole, halved, and zero.
    """
    d, n = z.shape
    if d == 1:
        atoms = np.linspace(min(z.min(), 0), max(z.max(), 0), N_ATOMS)[None]
    else:
        chosen = z[:, :: max(1, n // N_ATOMS)]
        atoms = np.concatenate([chosen, chosen / 2], axis=1)
    atoms = np.concatenate([atoms, np.zeros((d, 1))], axis=1)
    distance = (z**2).sum(axis=0) - 2 * atoms.T @ z + (atoms**2).sum(axis=0)[:, None]
    likelihood = np.exp(-(distance - distance.min(axis=0)) / 2).astype(np.float32)
    weights = np.full(atoms.shape[1], 1 / atoms.shape[1], np.float32)
    for _ in range(N_STEPS):
        weights *= likelihood @ (1 / (weights @ likelihood)) / n
    mean = (atoms * weights).astype(np.float32) @ likelihood / (weights @ likelihood)
    return np.asarray(mean, dtype=np.float64)


def common_factor(z: Array) -> float:
    """Return the one factor that draws all estimates to zero (James and Stein 1961), 0 to 1.

    Parameters
    ----------
    z : (d, n)
        In units of their standard errors.
    """
    return float(max(0.0, 1 - 1 / max((z**2).mean(), 1e-12)))
