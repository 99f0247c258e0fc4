"""What the tiny OpenCLIP starts from: heads that look at one place, words that know their kin."""

import json

import numpy as np
import torch
from open_clip import SimpleTokenizer
from open_clip.modified_resnet import AttentionPool2d

from neurodecode.models import words
from neurodecode.models.train_clip import look_at_quadrants
from neurodecode.models.words import token_vectors


def test_each_head_starts_at_one_place_of_the_map():
    torch.manual_seed(0)
    pool = AttentionPool2d(2, 64, 8, 64)
    look_at_quadrants(pool)
    with torch.no_grad():
        for part in (pool.v_proj, pool.c_proj):
            part.weight.copy_(torch.eye(64))
            part.bias.zero_()
        places = torch.randn(64, 2, 2)
        pooled = pool(places[None])[0].reshape(8, 8)
    seen = places.flatten(1) + pool.positional_embedding[1:].T
    for head, values in enumerate(pooled):
        expected = seen[head * 8 : head * 8 + 8, head % 4]
        torch.testing.assert_close(values, expected, atol=0.15, rtol=0)


def test_a_token_that_is_a_word_takes_its_vector_and_keeps_its_kin(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    encoder = SimpleTokenizer().encoder
    known = [token[:-4] for token in encoder if token.endswith("</w>")][1000:1300]
    table = {word: list(rng.normal(size=words.DIMENSIONS)) for word in known}
    table["cello"] = list(np.array(table[known[0]]) + 0.1 * rng.normal(size=words.DIMENSIONS))
    package = tmp_path / "words" / "package"
    package.mkdir(parents=True)
    (package / f"{words.PACKAGE[0]}.json").write_text(json.dumps({"vectors": table}))
    monkeypatch.setattr(words, "fetch", lambda name, version, cache: tmp_path / "words")
    vectors = token_vectors(tmp_path, 64)
    assert vectors.shape == (len(encoder), 64)
    rows = vectors[[encoder[f"{word}</w>"] for word in ("cello", *known)]]
    torch.testing.assert_close(rows.norm(dim=1), torch.full((len(rows),), words.NORM))
    likeness = rows[0] @ rows[1:].T
    assert likeness.argmax() == 0
    monkeypatch.setattr(words, "fetch", None)  # kept: not fetched again
    torch.testing.assert_close(token_vectors(tmp_path, 64), vectors)
