"""Published figures stand beside a study's own where both measured the same, and only there."""

from dataclasses import replace
from pathlib import Path

import pytest

from neurodecode.config import load_study
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import define
from neurodecode.evaluate.published import (
    Measured,
    Setting,
    differences,
    gallery_of,
    published,
    split_of,
)
from neurodecode.models.extractors import NETWORKS, Network

CONFIG = Path(__file__).parents[3] / "config" / "config.yaml"
FOUR = ("01", "02", "05", "07")
OLD = Setting("nsd", False, FOUR, "old split, 37 sessions")


def field(n):
    """What a study of n pictures scores with all of the field's extractors."""
    names = {"clip": "ViT-L-14@0123", "pixcorr": "pixels"}
    for name, spec in NETWORKS.items():
        names |= Network(None, spec, name, "4567").metrics
    found = [Measured("pixcorr", "pixels", n, None, "425x425"),
             Measured("ssim", "pixels", n, None, "425x425")]  # fmt: skip
    for word, extractor in names.items():
        metric = f"distance_{word}" if word in ("efficientnet", "swav") else f"two_way_{word}"
        found.append(Measured(metric, extractor, n, gallery_of(metric, n, 0.5), "its own"))
    return found


def beside(setting, measured):
    return {f.system for f in published() if not differences(f, setting, measured)}


def figure(system, metric):
    return next(f for f in published() if (f.system, f.metric) == (system, metric))


def test_each_figure_stands_once_and_within_its_range():
    keys = [(f.system, f.split, f.metric, f.dataset) for f in published()]
    assert len(set(keys)) == len(keys) == 92
    for f in published():
        assert f.citation
        try:
            low, high = define([f.metric])[f.metric].range
        except DataError:
            assert f.dataset == "cc2017"  # of clips there are scores that we do not have
        else:
            assert low <= f.value <= high
    assert figure("MindEye2, 40 hours", "two_way_alexnet5").value == 0.986


def test_the_standard_split_with_the_fields_extractors_stands_beside():
    assert beside(OLD, field(982)) == {"MindBridge"}
    shown = [f for f in published() if not differences(f, OLD, field(982))]
    assert len(shown) == 8  # every score that it published
    new = replace(OLD, split="new split, 40 sessions")
    assert beside(new, field(1000)) == {
        "Takagi and Nishimoto", "Brain-Diffuser", "MindEye2, 40 hours"
    }  # fmt: skip
    hour = replace(OLD, split="new split, 1 session")
    assert beside(hour, field(1000)) == {"MindEye2, 1 hour"}


@pytest.mark.parametrize(
    ("setting", "measured", "reason"),
    [
        ({"dataset": "haxby2001"}, {}, "data set: nsd, here haxby2001"),
        ({"simulated": True}, {}, "data set: nsd, here simulated brains"),
        ({"subjects": ("01", "02")}, {}, "mean of 01, 02, 05, 07, here without 05, 07"),
        ({"split": "new split, 40 sessions"}, {}, "split: old split, 37 sessions, here new"),
        ({}, {"n": 515}, "N: 982, here 515"),
        ({}, {"gallery": 300}, "gallery: 982, here 300"),
        ({}, {"resolution": "64x64"}, "resolution: its own, here 64x64"),
        ({}, {"extractor": "independent@12"}, "AlexNet features.11, here independent@12"),
        ({}, {"metric": "two_way_pixcorr"}, "metric: not scored here"),
    ],
)
def test_whatever_differs_is_the_reason(setting, measured, reason):
    one = [m for m in field(982) if m.metric == "two_way_alexnet5"]
    theirs = figure("MindBridge", "two_way_alexnet5")
    assert differences(theirs, OLD, one) == ()
    changed = [replace(m, **measured) for m in one]
    (found,) = differences(theirs, replace(OLD, **setting), changed)
    assert reason in found


def test_subjects_that_were_scored_differently_are_no_match():
    one = [m for m in field(982) if m.metric == "ssim"]
    uneven = [*one, replace(one[0], n=900)]
    assert differences(figure("MindBridge", "ssim"), OLD, uneven) == ("N: 982, here 900, 982",)


def test_what_the_source_does_not_tell_is_never_beside():
    new = replace(OLD, split="new split, 40 sessions")
    reasons = differences(figure("Brain-IT, 40 hours", "ssim"), new, field(1000))
    assert reasons == (
        "split: not told where the figure was read", "N: not told where the figure was read"
    )  # fmt: skip


def test_no_study_that_ships_has_others_beside_its_scores():
    for path in sorted(CONFIG.parent.glob("studies/*.yaml")):
        study = load_study(path.stem, CONFIG)
        names = tuple(getattr(study.data, "subjects", None) or ("01",))
        setting = Setting(study.data.kind, False, names, split_of(study) or "its own")
        assert beside(setting, field(1000)) == set(), path.stem


def test_a_split_is_named_by_what_trains():
    study = load_study("nsd", CONFIG)
    assert split_of(study) == "new split, 40 sessions"
    for split, sessions, name in (("old", None, "old split, 37 sessions"),
                                  ("new", 1, "new split, 1 session")):  # fmt: skip
        data = study.data.model_copy(update={"split": split, "sessions": sessions})
        assert split_of(study.model_copy(update={"data": data})) == name
    assert split_of(load_study("haxby2001", CONFIG)) is None


def test_the_gallery_of_retrieval_follows_from_chance():
    assert gallery_of("retrieval_top1", 982, 1 / 300) == 300
    assert gallery_of("retrieval_top5", 200, 5 / 200) == 200
    assert gallery_of("two_way_clip", 982, 0.5) == 982
    assert gallery_of("ssim", 982, 0.1) is None
