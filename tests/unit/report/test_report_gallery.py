"""Best, median and worst are shown alike, each picture beside what was seen."""

from __future__ import annotations

import io
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from fake_results import CATEGORIES
from PIL import Image

from neurodecode.contracts import key_frames
from neurodecode.errors import DataError
from neurodecode.report.gallery import build_gallery, columns_of, ranking_metric
from neurodecode.report.load import Material
from neurodecode.report.pictures import PictureBook, mosaic


def decoded(book: PictureBook, css: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(book.rules[css]))))


def test_a_picture_is_encoded_once_and_without_loss() -> None:
    book, rng = PictureBook(), np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    names = [book.add(pictures[0]), book.add(pictures[1]), book.add(pictures[0].copy())]
    assert names[0] == names[2] != names[1]
    assert len(book.rules) == 2
    np.testing.assert_array_equal(decoded(book, names[1]), pictures[1])


def test_a_large_picture_is_reduced() -> None:
    book = PictureBook()
    name = book.add(np.zeros((425, 300, 3), np.uint8))
    assert max(decoded(book, name).shape) == 128


@pytest.mark.parametrize(("n", "corners"), [(5, [[0, 1], [2, 3]]), (3, [[0, 1], [2, 0]])])
def test_mosaic_lays_out_four(n: int, corners: list[list[int]]) -> None:
    pictures = np.stack([np.full((2, 2, 3), k, np.uint8) for k in range(n)])
    np.testing.assert_array_equal(mosaic(pictures)[::2, ::2, 0], corners)


def test_one_picture_alone_is_no_mosaic() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(mosaic(picture), picture[0])


def test_items_stand_in_order_of_score(categories: Material) -> None:
    gallery = build_gallery(categories, PictureBook())
    scores = [float(item.score) for item in gallery.everything]
    assert scores == sorted(scores, reverse=True)
    assert [i.name for i in gallery.best] == [i.name for i in gallery.everything[:3]]
    assert [i.name for i in gallery.worst] == [i.name for i in gallery.everything[:-4:-1]]
    assert len(gallery.best) == len(gallery.median) == len(gallery.worst) == 3
    middle = float(np.median(scores))
    assert min(scores[:3]) > middle > max(scores[-3:])
    assert abs(float(gallery.median[1].score) - middle) < 0.05


def test_distances_are_ordered_the_other_way(world: Material) -> None:
    items = world.items.assign(metric="distance_swav")
    gallery = build_gallery(replace(world, items=items), PictureBook())
    assert float(gallery.best[0].score) < float(gallery.worst[0].score)


def test_ties_go_by_the_other_extractors(world: Material) -> None:
    items = world.items.copy()
    items.loc[items["metric"] == "two_way_independent", "value"] = 1.0
    gallery = build_gallery(replace(world, items=items), PictureBook())
    assert [i.name for i in gallery.best[:2]] == ["pic-11", "pic-11"]
    assert [i.name for i in gallery.worst[:2]] == ["pic-00", "pic-00"]


def test_items_without_a_score_come_last_and_say_so(world: Material) -> None:
    gallery = build_gallery(replace(world, items=world.items.iloc[:0]), PictureBook())
    assert gallery.ranked_by == ""
    assert {item.score for item in gallery.everything} == {"n/a"}
    assert len(gallery.everything) == 24


def test_ranking_prefers_the_independent_extractor(categories: Material, world: Material) -> None:
    assert ranking_metric(world) == "two_way_independent"
    assert ranking_metric(categories) == "category_identification"


def test_columns_are_the_main_system_every_generator_once_and_the_controls(
    categories: Material,
) -> None:
    assert columns_of(categories) == [
        ("blocks-ridge-diffusion", "decoded"),
        ("blocks-ridge-nearest", "decoded"),
        ("blocks-ridge-linear_pixels", "decoded"),
        ("blocks-ridge-mean_picture", "decoded"),
        ("blocks-ridge-diffusion", "permuted"),
        ("blocks-ridge-diffusion", "true"),
    ]


def test_figures_show_the_right_pictures(world: Material) -> None:
    book = PictureBook()
    gallery = build_gallery(world, book)
    for item in gallery.best:
        row = list(world.stimuli.table["id"]).index(item.name)
        np.testing.assert_array_equal(decoded(book, item.figures[0].css), world.stimuli.pixels[row])
        drawn = world.pictures[world.main, "decoded", item.subject]
        k = list(drawn.table["item"]).index(item.name)
        np.testing.assert_array_equal(decoded(book, item.figures[1].css), drawn.shown[k])
        assert [f.kind for f in item.figures] == ["seen", "main", *["baseline"] * 4, "ceiling"]
        assert all(f.alt for f in item.figures)


def test_clips_are_strips_of_frames(world: Material) -> None:
    rng, n_frames = np.random.default_rng(0), 8
    side = world.stimuli.pixels.shape[1]
    frames = rng.integers(0, 256, (len(world.stimuli), n_frames, side, side, 3), np.uint8)
    pictures = {
        key: replace(drawn, samples=drawn.samples[:, :, None], fps=4.0)
        for key, drawn in world.pictures.items()
    }
    stimuli = replace(world.stimuli, pixels=key_frames(frames), frames=frames, fps=4.0)
    book = PictureBook()
    gallery = build_gallery(replace(world, stimuli=stimuli, pictures=pictures), book)
    item = gallery.best[0]
    row = list(stimuli.table["id"]).index(item.name)
    strip = np.concatenate(list(frames[row, [1, 3, 5, 7]]), axis=1)
    np.testing.assert_array_equal(decoded(book, item.figures[0].css), strip)
    still = decoded(book, item.figures[1].css)
    np.testing.assert_array_equal(still[:, :side], still[:, side : 2 * side])
    whole = next(other for other in gallery.everything if other.name == item.name)
    np.testing.assert_array_equal(decoded(book, whole.figures[0].css), stimuli.pixels[row])
    assert gallery.clips


def test_category_level_shows_scored_pictures_of_the_category(categories: Material) -> None:
    book = PictureBook()
    item = build_gallery(categories, book).best[0]
    k = CATEGORIES.index(item.seen)
    of_test = categories.stimuli.pixels[8 * k : 8 * k + 4]
    np.testing.assert_array_equal(decoded(book, item.figures[0].css), mosaic(of_test))


def test_a_category_without_pictures_is_named(categories: Material) -> None:
    keep = categories.stimuli.table["category"] != "shoe"
    poorer = replace(categories, stimuli=categories.stimuli.where(keep))
    with pytest.raises(DataError, match="no picture of category 'shoe'"):
        build_gallery(poorer, PictureBook())
