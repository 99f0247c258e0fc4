"""Shrinkage LDA against its closed form for two Gaussian classes."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.errors import DataError


def test_direction_is_that_of_the_shrunk_covariance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    labels = np.repeat(["a", "b"], 30)
    X[30:] += 1.5
    X = X.astype(np.float32)
    T = {"t": np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)}
    decoder = ShrinkageLdaDecoder(targets=("t",)).fit(X, T, labels=labels, groups=labels)
    Z = (X - X.mean(0)) / X.std(0)
    covariance = np.zeros((5, 5))
    for c in "ab":  # scikit-learn shrinks each class in units of its own SDs
        scale = Z[labels == c].std(0)
        covariance += (
            ledoit_wolf((Z[labels == c] - Z[labels == c].mean(0)) / scale)[0]
            * np.outer(scale, scale)
            / 2
        )
    expected = np.linalg.solve(covariance, Z[30:].mean(0) - Z[:30].mean(0))
    np.testing.assert_allclose(decoder.lda_.coef_[0], expected, rtol=1e-2)
    decoded = decoder.predict(X)
    np.testing.assert_allclose(decoded["label"].sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(decoded["t"].argmax(1), decoded["label"].argmax(1))


@pytest.mark.parametrize("labels", [["", "a", "b", "a"], ["a", "a", "a", "a"]])
def test_missing_or_single_categories_are_errors(labels):
    X = np.zeros((4, 2), np.float32)
    with pytest.raises(DataError, match="category"):
        ShrinkageLdaDecoder().fit(X, {}, labels=np.array(labels), groups=np.arange(4))
