"""Searchlights: neighbourhoods, folds, and a world where labels are told in one corner."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.embed.searchlight import Fold, _scores, search, spheres
from neurodecode.errors import ConfigError


def grid(side=5):
    mm = 2.0 * np.argwhere(np.ones((side, side, 1)))
    return pd.DataFrame(mm, columns=list("xyz"))


def decoder():
    return ShrinkageLdaDecoder(targets=())


def test_neighbours_are_those_within_the_radius():
    units = grid()
    for unit, near in enumerate(spheres(units, 2.9)):
        away = np.linalg.norm(units.to_numpy() - units.to_numpy()[unit], axis=1)
        assert near.tolist() == np.flatnonzero(away <= 2.9).tolist()


def test_positions_must_be_known():
    with pytest.raises(ConfigError, match="position of every unit"):
        spheres(grid().drop(columns="z"), 3.0)
    with pytest.raises(ConfigError, match="has no x"):
        spheres(grid().assign(x=np.nan), 3.0)


def test_only_the_corner_that_tells_the_label_is_found():
    rng = np.random.default_rng(0)
    units = grid()
    labels = np.tile(["face", "house"], 30)
    run = np.repeat(np.arange(6), 10)
    data = rng.normal(size=(60, 25)).astype(np.float32)
    data[:, 0] += 3 * (labels == "face")
    folds = [Fold(run != k, run == k, run.astype(str)) for k in range(6)]
    near = spheres(units, 2.1)
    said = search(data, labels, near, folds, decoder, lambda: None)
    table = _scores(said, labels, folds, 500, np.random.default_rng(1))
    has = np.array([0 in members for members in near])
    assert has.sum() == 3
    assert (table["accuracy"][has] > 0.85).all()
    assert (table["q"][has] < 0.02).all()
    assert table["accuracy"][~has].mean() == pytest.approx(0.5, abs=0.07)
    assert table["accuracy"].to_numpy() == pytest.approx((said == labels).mean(axis=1))


def test_what_is_decoded_does_not_depend_on_other_test_trials():
    rng = np.random.default_rng(2)
    labels, run = np.tile(["a", "b"], 10), np.repeat(np.arange(2), 10)
    data = rng.normal(size=(20, 4)).astype(np.float32)
    fold = [Fold(run == 0, run == 1, run.astype(str))]
    before = search(data, labels, [np.arange(4)], fold, decoder, lambda: None)
    data[15:] *= -7
    after = search(data, labels, [np.arange(4)], fold, decoder, lambda: None)
    assert (before[0, 10:15] == after[0, 10:15]).all()
    assert (before[0, 15:] != after[0, 15:]).any()
    assert (before[0, :10] == "").all()
