"""Folds over pictures: what generators may look at, and what an item is scored against."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Conditions, Stimuli, Targets
from neurodecode.errors import ConfigError, DataError
from neurodecode.evaluate.inference import relabellings
from neurodecode.evaluate.measures import Features, of_features, of_pictures
from neurodecode.evaluate.truth import blocks_of
from neurodecode.reconstruct.baselines import MeanPicture, RandomPicture, Retrieval
from neurodecode.reconstruct.sources import from_source, of_fold, trained, training_gallery
from neurodecode.targets.latent import LatentTarget
from neurodecode.targets.pixels import PixelTarget


def stimuli(sets, h=6, w=9):
    n = len(sets)
    pixels = np.random.default_rng(0).integers(0, 256, (n, h, w, 3), np.uint8)
    table = pd.DataFrame(
        {"id": [f"s{k}" for k in range(n)], "caption": "", "category": "", "set": sets}
    )
    return Stimuli(table, pixels, pixels.reshape(n, -1).astype(np.float32))


def items(names, values):
    table = pd.DataFrame(
        {"participant_id": "1", "trial": names, "stimulus": names, "category": "", "run": 0,
         "fold": "0"}
    )  # fmt: skip
    return Conditions(table, {"f": np.asarray(values, np.float32)})


@pytest.fixture
def world():
    shown = stimuli(["fold"] * 4 + ["both", "train", "test"])
    targets = {"f": Targets(tuple(shown.table["id"]), np.eye(7, dtype=np.float32), (7,), "t")}
    return shown, targets


def test_what_a_fold_trained_on(world):
    shown, targets = world
    assert trained(shown, ["s1", "s4"]).tolist() == [True, False, True, True, True, True, False]
    narrow = of_fold(training_gallery(shown, targets), items(["s1", "s4"], np.eye(2, 7)))
    assert list(narrow.stimuli.table["id"]) == ["s0", "s2", "s3", "s4", "s5"]
    assert narrow.targets["f"].ids == ("s0", "s2", "s3", "s4", "s5")
    np.testing.assert_array_equal(narrow.stimuli.features, shown.features[[0, 2, 3, 4, 5]])


def test_generators_see_nothing_that_the_fold_tests(world):
    shown, targets = world
    wanted = items(["s0", "s1"], np.eye(2, 7))  # exactly the features of what is tested
    gallery = of_fold(training_gallery(shown, targets), wanted)
    seeds = np.arange(40).reshape(2, 20)
    hidden = [p.tobytes() for p in shown.pixels[[0, 1, 6]]]
    for backend in (Retrieval("f"), RandomPicture()):
        for seed in range(20):
            drawn = backend.generate(wanted, gallery, seeds=seeds[:, seed:])
            assert not {p.tobytes() for p in drawn[:, 0]} & set(hidden)
    mean = MeanPicture().generate(wanted, gallery, seeds=seeds)[0, 0]
    np.testing.assert_allclose(mean, shown.pixels[2:6].mean(axis=0), atol=0.51)
    centre = from_source(wanted, "mean", shown, targets, np.random.default_rng(0))
    np.testing.assert_allclose(centre.arrays["f"][0], np.eye(7)[2:6].mean(axis=0))


def test_items_of_a_fold_are_scored_against_its_own_pictures():
    index, folds = np.array([0, 1, 2, 3, 4]), np.array(list("aabbb"))
    found = blocks_of(stimuli(["fold"] * 5), index, folds)
    assert [(r.tolist(), c.tolist()) for r, c in found] == [
        ([0, 1], [0, 1]),
        ([2, 3, 4], [2, 3, 4]),
    ]
    (rows, columns), *rest = blocks_of(stimuli(["test"] * 5), index, folds)
    assert (rows.tolist(), columns.tolist(), rest) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [])
    with pytest.raises(DataError, match="fold a tests one picture alone"):
        blocks_of(stimuli(["fold"] * 5), index, np.array(list("abbbb")))


def test_truths_are_swapped_within_a_fold():
    names, folds = np.array(list("aabbccdd")), np.repeat(["0", "1"], 4)
    order = relabellings(names, np.random.default_rng(0), 200, folds)
    assert (folds[order] == folds).all()
    taken = names[order]
    np.testing.assert_array_equal(taken[:, ::2], taken[:, 1::2])
    assert len(np.unique(taken, axis=0)) == 4


def test_two_way_of_features_is_half_by_chance_and_one_where_perfect():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(30, 10)).astype(np.float32)
    (perfect,) = of_features(2 * real + 1, real, "t")
    assert np.diag(perfect.table).mean() == 1
    (guess,) = of_features(rng.normal(size=(30, 10)).astype(np.float32), real, "t")
    assert np.diag(guess.table).mean() == pytest.approx(0.5, abs=0.15)


def test_small_pictures_have_no_ssim_and_unnamed_ones_no_category():
    shown = stimuli(["test"] * 4, 8, 8)
    flat = shown.features
    features = {"independent": Features("i", flat, flat), "pixcorr": Features("p", flat, flat)}
    names = [m.metric for m in of_pictures(features, shown, shown.pixels)]
    assert names == ["two_way_independent", "two_way_pixcorr", "pixcorr"]


def test_pixels_of_any_shape_and_latents_of_one():
    target = PixelTarget(4).extract(stimuli(["train"] * 3, 7, 5))
    assert target.values.shape == (3, 48)
    with pytest.raises(ConfigError, match=r"64 x 64.*6 x 9"):
        LatentTarget("embedded").extract(stimuli(["train"] * 2))


def test_stimuli_without_pictures():
    bare = Stimuli(stimuli(["test"] * 2).table, np.zeros((2, 0, 0, 3), np.uint8))
    assert not bare.pictured
    assert stimuli(["test"]).pictured
    assert len(stimuli(["train", "test", "fold", "both"]).scored) == 3
