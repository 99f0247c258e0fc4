"""Sources, baselines and the choice of the shown sample, by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodecode.contracts import Conditions, Stimuli, Targets
from neurodecode.errors import DataError
from neurodecode.reconstruct.baselines import (
    LinearPixels,
    MeanPicture,
    Prototype,
    RandomPicture,
    Retrieval,
    nearest,
)
from neurodecode.reconstruct.embedded import Embedded, stretch
from neurodecode.reconstruct.sources import from_source, itemise, training_gallery
from neurodecode.reconstruct.stage import agreement
from neurodecode.registry import Gallery


@pytest.fixture
def stimuli():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": list("abcdef"),
            "caption": "",
            "category": ["x", "y", "x", "y", "x", "y"],
            "set": ["train"] * 4 + ["test"] * 2,
        }
    )
    return Stimuli(table, rng.integers(0, 255, (6, 8, 8, 3), np.uint8))


@pytest.fixture
def targets():
    values = np.eye(6, 4, dtype=np.float32)
    values[4:] = [[0.9, 0, 0.1, 0], [0, 0.8, 0, 0.2]]
    return {"semantic": Targets(tuple("abcdef"), values, (4,), "t")}


def conditions(values, stimulus, **arrays):
    n = len(values)
    table = pd.DataFrame(
        {
            "participant_id": "01", "trial": [f"t{k}" for k in range(n)], "stimulus": stimulus,
            "category": ["x", "y"] * (n // 2), "run": 0, "fold": "0",
        }
    )  # fmt: skip
    return Conditions(table, {"semantic": np.asarray(values, np.float32), **arrays})


def test_the_gallery_holds_training_pictures_only(stimuli, targets):
    gallery = training_gallery(stimuli, targets)
    assert list(gallery.stimuli.table["id"]) == list("abcd")
    assert gallery.targets["semantic"].ids == tuple("abcd")
    np.testing.assert_array_equal(gallery.targets["semantic"].values, np.eye(4))


def test_retrieval_finds_the_nearest_training_picture(stimuli, targets):
    gallery = training_gallery(stimuli, targets)
    decoded = conditions([[0, 0.4, 0.3, 0.3], [0.2, 0.3, 0.2, 0.3 + 1e-3]], ["e", "f"])
    drawn = Retrieval("semantic").generate(decoded, gallery, seeds=np.zeros((2, 4), int))
    np.testing.assert_array_equal(drawn[:, 0], stimuli.pixels[[1, 3]])


@given(st.integers(0, 10_000), st.floats(0.05, 20))
def test_nearest_ignores_how_far_a_decoder_shrinks(seed, factor):
    rng = np.random.default_rng(seed)
    candidates = rng.normal(size=(9, 5)).astype(np.float32)
    decoded = rng.normal(size=(4, 5)).astype(np.float32)
    mean = candidates.mean(0)
    shrunk = (mean + factor * (decoded - mean)).astype(np.float32)
    np.testing.assert_array_equal(nearest(decoded, candidates), nearest(shrunk, candidates))


def test_prototype_shows_the_decoded_class(stimuli, targets):
    gallery = training_gallery(stimuli, targets)
    label = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
    base = conditions(np.zeros((2, 4)), ["e", "f"])
    decoded = Conditions(base.table, {"label": label}, ("x", "y"))
    drawn = Prototype("semantic").generate(decoded, gallery, seeds=np.zeros((2, 1), int))
    of = {p.tobytes(): c for p, c in zip(stimuli.pixels, stimuli.table["category"], strict=True)}
    assert [of[picture.tobytes()] for picture in drawn[:, 0]] == ["y", "x"]
    unknown = Conditions(base.table, {"label": label}, ("x", "z"))
    with pytest.raises(DataError, match="'z'"):
        Prototype("semantic").generate(unknown, gallery, seeds=np.zeros((2, 1), int))


def test_mean_and_random_pictures_ignore_what_was_decoded(stimuli, targets):
    gallery = training_gallery(stimuli, targets)
    seeds = np.arange(8).reshape(2, 4)
    one, two = (conditions(np.full((2, 4), v), ["e", "f"]) for v in (0, 1))
    for backend in (MeanPicture(), RandomPicture()):
        first = backend.generate(one, gallery, seeds=seeds)
        np.testing.assert_array_equal(first, backend.generate(two, gallery, seeds=seeds))
    mean = stimuli.pixels[:4].astype(float).mean(0)
    np.testing.assert_allclose(
        MeanPicture().generate(one, gallery, seeds=seeds)[1, 0], mean, atol=0.51
    )
    # a subset draws the same
    part = RandomPicture().generate(conditions(np.zeros((2, 4)), "e"), gallery, seeds=seeds[1:])
    np.testing.assert_array_equal(part[0], RandomPicture().generate(one, gallery, seeds=seeds)[1])


def test_linear_pixels_are_clipped_and_enlarged(stimuli):
    small = Targets(tuple("abcdef"), np.zeros((6, 12), np.float32), (2, 2, 3), "pixels-2")
    gallery = Gallery(stimuli, {"pixels": small})
    values = np.array([[-1.0] * 12, [2.0] * 12], np.float32)
    drawn = LinearPixels("pixels", stretch=False).generate(
        conditions(np.zeros((2, 4)), "e", pixels=values), gallery, seeds=np.zeros((2, 1), int)
    )
    assert drawn.shape == (2, 1, 8, 8, 3)
    assert (drawn[0] == 0).all()
    assert (drawn[1] == 255).all()


def test_stretched_linear_pixels_have_the_contrast_of_training_pictures(stimuli):
    rng = np.random.default_rng(0)
    values = rng.uniform(0.3, 0.7, size=(6, 12)).astype(np.float32)
    gallery = Gallery(stimuli, {"pixels": Targets(tuple("abcdef"), values, (2, 2, 3), "pixels-2")})
    mean = values.mean(axis=0)
    deviation = values[:2] - mean
    length = np.median(np.linalg.norm(values - mean, axis=1))
    full = mean + length * deviation / np.linalg.norm(deviation, axis=1, keepdims=True)

    def drawn(pixels, stretch):
        given = conditions(np.zeros((2, 4)), "e", pixels=pixels.astype(np.float32))
        seeds = np.zeros((2, 1), int)
        return LinearPixels("pixels", stretch=stretch).generate(given, gallery, seeds=seeds)

    np.testing.assert_allclose(
        drawn(mean + 0.05 * deviation, True).astype(float), drawn(full, False), atol=1
    )


def test_sources(stimuli, targets):
    decoded = itemise(
        conditions(np.random.default_rng(0).normal(size=(6, 4)), list("efefef")), "trial"
    )
    rng = np.random.default_rng(1)
    assert from_source(decoded, "decoded", stimuli, targets, rng) is decoded
    true = from_source(decoded, "true", stimuli, targets, rng).arrays["semantic"]
    np.testing.assert_array_equal(true, targets["semantic"].values[[4, 5] * 3])
    mean = from_source(decoded, "mean", stimuli, targets, rng).arrays["semantic"]
    np.testing.assert_allclose(mean, np.full((6, 4), 0.25))
    permuted = from_source(decoded, "permuted", stimuli, targets, rng).arrays["semantic"]
    original = decoded.arrays["semantic"]
    assert not np.array_equal(permuted, original)
    np.testing.assert_array_equal(np.sort(permuted[:, 0]), np.sort(original[:, 0]))


def test_true_of_a_category_is_its_training_prototype(stimuli, targets):
    known = itemise(conditions(np.zeros((2, 4)), ["", ""]), "trial")
    true = from_source(known, "true", stimuli, targets, np.random.default_rng(0))
    np.testing.assert_allclose(true.arrays["semantic"], [[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5]])


def test_repeats_are_averaged_after_decoding():
    items = itemise(conditions(np.arange(16).reshape(4, 4), ["e", "f", "e", "f"]), "stimulus")
    assert items.table["item"].tolist() == ["e", "f"]
    assert items.table["n_trials"].tolist() == [2, 2]
    np.testing.assert_array_equal(items.arrays["semantic"], [[4, 5, 6, 7], [8, 9, 10, 11]])


def test_agreement_is_the_centred_cosine_with_what_was_decoded():
    samples = np.zeros((1, 3, 2, 2, 3), np.uint8)
    samples[0, :, 0, 0, 0] = [1, 2, 3]
    table = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [-1.0, 0.0]}

    def embed(pictures):
        return np.array([table[int(p[0, 0, 0])] for p in pictures], np.float32)

    scores = agreement(samples, np.array([[0.0, 2.0]], np.float32), embed, np.zeros(2, np.float32))
    np.testing.assert_allclose(scores, [[0, 1, 0]])


def test_stretch_restores_the_length_of_true_embeddings():
    rng = np.random.default_rng(0)
    training = rng.normal(size=(50, 6)).astype(np.float32) + 2
    mean = training.mean(0)
    decoded = (mean + 0.1 * (training[:5] - mean)).astype(np.float32)
    out = stretch(decoded, training)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        stretch(mean[None], training)[0], mean / np.linalg.norm(mean), rtol=1e-5
    )


def test_a_decoded_latent_sets_what_is_drawn_however_far_the_decoder_shrinks_it(stimuli):
    rng = np.random.default_rng(0)
    latent = Targets(
        tuple("abcdef"), rng.normal(size=(6, 1024)).astype(np.float32), (4, 16, 16), "latent"
    )
    semantic = Targets(
        tuple("abcdef"), rng.normal(size=(6, 256)).astype(np.float32), (256,), "semantic"
    )
    gallery = Gallery(stimuli, {"semantic": semantic, "latent": latent})
    mean = latent.values.mean(axis=0)
    seeds = np.arange(2).reshape(2, 1)

    def drawn(start, rows, shrink, embedding=(0, 1)):
        decoded = conditions(
            semantic.values[list(embedding)], ["e", "f"],
            latent=mean + shrink * (latent.values[rows] - mean),
        )  # fmt: skip
        backend = Embedded("semantic", 2, 1.0, start, 0.3, start is not None)
        return backend.generate(decoded, gallery, seeds=seeds)[:, 0].astype(float)

    whole, pale = (drawn("latent", [0, 1], shrink) for shrink in (1.0, 0.1))
    np.testing.assert_allclose(pale, whole, atol=2)
    other = drawn("latent", [2, 3], 1.0)
    assert np.abs(other - whole).mean() > 10
    # The control ignores the embedding; without a start it would all come from there.
    np.testing.assert_array_equal(drawn("latent", [0, 1], 1.0, embedding=(4, 5)), whole)
    assert np.abs(drawn(None, [0, 1], 1.0) - whole).mean() > 10
