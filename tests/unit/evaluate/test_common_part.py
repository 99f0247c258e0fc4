"""Identification by decoded features does not tell how strongly a decoder shrinks."""

import numpy as np

from neurodecode.contracts import Targets
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.evaluate.truth import common_part


def targets(n=40, d=20):
    values = 5 + np.random.default_rng(0).normal(size=(n, d))
    values[:, 0] += 20  # what all pictures share
    return Targets(tuple(f"p{k:02d}" for k in range(n)), values.astype(np.float32), (d,), "fake")


def test_the_mean_is_that_of_pictures_that_are_no_candidates():
    found = targets()
    np.testing.assert_allclose(
        common_part(found, found.ids[30:]), found.values[:30].mean(axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(common_part(found, found.ids), found.values.mean(axis=0), rtol=1e-6)


def test_shrinkage_towards_the_training_mean_changes_nothing():
    found = targets()
    train, real = found.values[:30], found.values[30:]
    mean = train.mean(axis=0)
    noisy = real + 1.5 * np.random.default_rng(1).normal(size=real.shape)
    common = common_part(found, found.ids[30:])

    def score(gain, taken):
        decoded = mean + gain * (noisy - mean)
        return np.diag(wins(correlations(real - taken, decoded - taken))).mean()

    assert score(0.02, common) == score(1, common) > 0.8
    assert score(0.02, 0) < score(1, 0) - 0.1  # as it was: the penalty decides
