"""Accuracy of encoding models against hand-made predictions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr

from neurodecode.embed.encode import fit_encoding_model
from neurodecode.embed.prediction_accuracy import Predicted, permuted_p, prediction_accuracy
from neurodecode.errors import DataError
from neurodecode.simulate.features import picture_features
from neurodecode.studies.virtual import Virtual
from neurodecode.targets.gabor import GaborTarget


def fold(signal, parts, k=2, noise=0.0, seed=0, name="s"):
    """``k`` trials of each item of a known signal (n_items, n_units)."""
    rng = np.random.default_rng(seed)
    n = len(signal)
    items = np.repeat([f"{name}{i:04d}" for i in range(n)], k)
    responses = np.repeat(signal, k, axis=0) + noise * rng.normal(size=(n * k, signal.shape[1]))
    return Predicted(items, responses.astype(np.float32), np.asarray(parts, np.float32))


def score(tested, bands=("a", "b"), n=200):
    return prediction_accuracy(tested, bands, n, np.random.default_rng(1))


def test_r_of_one_fold_is_pearsons_and_shares_add_up():
    rng = np.random.default_rng(0)
    signal, a, b = rng.normal(size=(3, 40, 5))
    tested = fold(3 + signal, [2 + 0.5 * signal + a, b], noise=0.3)
    table = score([tested])
    means = tested.responses.reshape(40, 2, 5).mean(axis=1)
    whole = tested.parts.sum(axis=0)
    assert table["r"].to_numpy() == pytest.approx(
        [pearsonr(means[:, u], whole[:, u])[0] for u in range(5)], abs=1e-6
    )
    y, p = (x - x.mean(axis=0) for x in (means, whole))
    r2 = 1 - ((y - p) ** 2).sum(axis=0) / (y**2).sum(axis=0)
    assert table["r2"].to_numpy() == pytest.approx(r2, abs=1e-5)
    assert (table["share_a"] + table["share_b"]).to_numpy() == pytest.approx(r2, abs=1e-5)


def test_a_shift_between_folds_is_no_accuracy():
    """Means of folds agree perfectly, items within them not at all."""
    rng = np.random.default_rng(2)
    noise, other = rng.normal(size=(2, 60, 300))
    parts = [fold(noise[k * 20 : k * 20 + 20] + 50 * k, [other[k * 20 : k * 20 + 20] + 50 * k])
             for k in range(3)]  # fmt: skip
    table = score(parts, ("a",))
    assert abs(table["r"].mean()) < 0.05
    assert (table["q"] < 0.05).sum() <= 2


def test_a_perfect_prediction_reaches_the_ceiling():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(2000, 4)) * [1.0, 0.7, 0.4, 0.0]
    table = score([fold(signal, [signal], k=3, noise=1.0)], ("a",), n=100)
    share = np.array([1.0, 0.49, 0.16]) / (np.array([1.0, 0.49, 0.16]) + 1 / 3)
    assert table["ceiling"][:3].to_numpy() == pytest.approx(np.sqrt(share), abs=0.03)
    assert table["r_normalised"][:3].to_numpy() == pytest.approx(1.0, abs=0.05)
    assert np.isnan(table["r_normalised"][3])


def test_without_repeats_there_is_no_ceiling():
    rng = np.random.default_rng(4)
    signal = rng.normal(size=(30, 3))
    table = score([fold(signal, [signal], k=1)], ("a",))
    assert table[["ceiling", "r_normalised"]].isna().all(axis=None)
    assert table["r"].to_numpy() == pytest.approx(1.0)


def test_categories_that_come_back_in_other_folds_are_their_own_repeats():
    rng = np.random.default_rng(5)
    signal = rng.normal(size=(8, 50))
    tested = [fold(signal, [signal], k=1, noise=1.0, seed=k) for k in range(12)]
    table = score(tested, ("a",), n=100)
    assert table["ceiling"].median() == pytest.approx(np.sqrt(0.5), abs=0.08)


def test_p_is_uniform_where_nothing_is_predicted():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 30, 500))
    a, b = (x / np.linalg.norm(x, axis=0) for x in (a - a.mean(axis=0), b - b.mean(axis=0)))
    p = permuted_p(a, b, np.zeros(30, int), 300, np.random.default_rng(7))
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert p.min() >= 1 / 301


def test_two_items_are_too_few():
    one = np.zeros((2, 3))
    with pytest.raises(DataError, match="2 different items were tested"):
        score([fold(one, [one])], ("a",))


def test_simulated_early_voxels_are_told_by_edges_and_ventral_ones_by_attributes():
    """Truth of the virtual study: early voxels are driven by Gabor energy, ventral ones not."""
    study = Virtual("minimal", "no confound", 1, 250, 50, 2, 2, 150)
    study.world = replace(study.world, explainable=0.6)
    stimuli, responses = study.stimuli(), study.load("01")
    row_of = {name: k for k, name in enumerate(stimuli.table["id"])}
    shown = np.array([row_of[name] for name in responses.trials["stimulus"]])
    train = (stimuli.table["set"] == "train").to_numpy()[shown]
    attributes = picture_features(stimuli, study.world.bank, study.world.seed).attributes
    bands = {
        "edges": GaborTarget(8).extract(stimuli).values[shown],
        "attributes": attributes[shown],
    }
    items = responses.trials["stimulus"].to_numpy(dtype=str)
    model = fit_encoding_model(
        responses.data[train], {name: x[train] for name, x in bands.items()}, items=items[train],
        groups=items[train], alphas=(1, 10, 100, 1000), n_mixtures=6, inner_folds=4, seed=1,
    )  # fmt: skip
    _, first = np.unique(items[~train], return_index=True)
    parts = model.predict_bands({name: x[~train][first] for name, x in bands.items()})
    table = score([Predicted(items[~train], responses.data[~train], parts)], tuple(bands))
    found = table.groupby(responses.units["roi"].to_numpy()).mean()
    shares = found[["share_edges", "share_attributes"]]
    assert shares["share_edges"]["early"] > 0.1
    assert abs(shares["share_attributes"]["early"]) < 0.05
    assert shares["share_attributes"]["ventral"] > 0.1
    assert shares["share_edges"]["ventral"] < shares["share_attributes"]["ventral"] / 3
    odds = responses.units["explainable"] / (1 - responses.units["explainable"])
    known = np.sqrt(2 * odds / (2 * odds + 1))  # two repeats, before what differing HRFs take
    assert known.mean() - 0.08 < table["ceiling"].mean() < known.mean()
    # A quarter of the signal is hidden from every band.
    assert (found["r_normalised"] < np.sqrt(0.75)).all()
