"""Live pictures: what is decoded, what is drawn, who may ask."""

import numpy as np
import pytest

from neurodecode.cli import main
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.models.diffusion import load_generator
from neurodecode.online.pictures import Drawn, decode, draw_one, message


def test_one_response_is_decoded_as_the_ridge_decodes_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 12)).astype(np.float32)
    Y = rng.normal(size=(60, 5)).astype(np.float32)
    ridge = RidgeDecoder(alphas=(10.0,)).fit(
        X, {"semantic": Y}, labels=np.full(60, ""), groups=np.arange(60)
    )
    expected = ridge.predict(X)["semantic"]
    one = np.concatenate([decode(ridge.state(), x, "semantic") for x in X])
    np.testing.assert_allclose(one, expected, atol=1e-6)


def test_a_picture_follows_its_seed_and_its_embedding():
    generator = load_generator()
    rng = np.random.default_rng(0)
    one, other = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 1, 256)).astype(np.float32))
    picture = draw_one(generator, one, 1, steps=2)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw_one(generator, one, 1, steps=2))
    assert not np.array_equal(picture, draw_one(generator, one, 2, steps=2))
    assert not np.array_equal(picture, draw_one(generator, other, 1, steps=2))


def test_a_message_holds_both_pictures_and_an_unknown_one_is_left_out():
    seen, drawn = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    told = message(Drawn("t1", "s1", "0", seen, drawn, 0.5), [0.5, 0.25, 0.25])
    assert told["seen"].startswith("iVBOR")
    assert told["drawn"] != told["seen"]
    assert "3 pictures, 4.0 a second" in told["text"]
    unknown = Drawn("t1", "", "0", np.zeros((0, 0, 3), np.uint8), drawn, 0.5)
    assert message(unknown, [0.5])["seen"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "needs --study and --subject"),
        (["--study", "virtual-min", "--subject", "77"], "subject must be one of 01, 02, got 77"),
        (["--study", "haxby2001", "--subject", "01"], "Run the stage that makes it first"),
    ],
)
def test_a_mistake_is_one_message(arguments, words, tmp_path, capsys, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(Path(__file__).parents[3])
    where = ["--results", str(tmp_path)]
    assert main(["stream", "--decoder", "image", *arguments, *where]) == 2
    assert words in capsys.readouterr().err
