"""The stage on two miniature studies whose scores are known: pictures and categories."""

import sys

import numpy as np
import pandas as pd
import pytest

from neurodecode import registry
from neurodecode.artifacts import (
    commit,
    read_sidecar,
    read_table,
    save_conditions,
    save_reconstruction,
    save_responses,
    save_targets,
    write_table,
)
from neurodecode.config import StudyConfig
from neurodecode.contracts import Conditions, Reconstruction, Responses, Stimuli, Targets
from neurodecode.errors import DataError, MissingWeights
from neurodecode.evaluate.dictionary import COLUMNS, define
from neurodecode.models import independent
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, run

CATEGORIES = ("bottle", "cat", "chair")
SYSTEM = "given-ridge-nearest"


def flat(pictures):
    return pictures.reshape(len(pictures), -1).astype(np.float32)


class FakeIndependent:
    name = "independent@fake"

    def features(self, pictures):
        return flat(pictures)

    def name_logits(self, pictures):
        return flat(pictures)[:, :20]


class FakeExtractor:
    def __init__(self, **settings): ...

    def embed(self, pictures):
        return flat(pictures)


class FakeStudy:
    """Twelve noise pictures, four a category; the first six train, the others are scored."""

    level, simulated = "stimulus", True

    def __init__(self, **settings): ...

    def subjects(self):
        return ("01",)

    def stimuli(self):
        names = [f"p{k:02d}" for k in range(12)]
        table = pd.DataFrame(
            {"id": names, "caption": "", "category": list(CATEGORIES) * 4,
             "set": ["train"] * 6 + ["test"] * 6}
        )  # fmt: skip
        return Stimuli(table, np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), np.uint8))

    def sources(self, subject):
        return ()

    def about(self):
        return {}


class FakeCategoryStudy(FakeStudy):
    level = "category"


def study(unit, sources):
    by_run = unit == "trial"
    split = {"kind": "leave_one_out"} if by_run else {"kind": "stimulus_set"}
    return StudyConfig.model_validate(
        {
            "name": "mini", "title": "", "data": {"kind": "virtual"},
            "responses": {"given": {"kind": "as_given"}},
            "targets": {"semantic": {"kind": "openclip"}},
            "design": {"split": split, "group": "run" if by_run else "stimulus"},
            "decoders": {"ridge": {"kind": "ridge", "targets": ["semantic"]}},
            "generators": {"nearest": {"kind": "retrieval"}},
            "reconstruct": {"unit": unit, "n_samples": 2},
            "evaluate": {"n_bootstrap": 100, "n_permutations": 200},
            "systems": [{"responses": "given", "decoder": "ridge", "generator": "nearest",
                         "sources": sources}],
        }
    )  # fmt: skip


class Mini:
    """A results folder of one subject up to stage evaluate."""

    def __init__(self, folder, config, table, pictures, label=None, transductive=False):
        self.job = Job("evaluate", config, Paths(folder, "mini"), 1, {"subject": "01"})
        self.table, paths = table, self.job.paths
        stimuli = self.job.adapter.stimuli()
        self._commit(paths.decoders("given-ridge"), [])
        self._respond(transductive)
        ids = tuple(stimuli.table["id"])
        targets = Targets(ids, flat(stimuli.pixels), (768,), "openclip@fake")
        self._commit(paths.targets("semantic"), *save_targets(paths.targets("semantic"), targets))
        row = {name: k for k, name in enumerate(ids)}
        first = [row.get(s, 0) for s in table["stimulus"]]
        arrays = {"semantic": targets.values[first]}
        if label is not None:
            arrays["label"] = label.astype(np.float32)
        self.decode(arrays, np.arange(len(table)))
        for source, shown in pictures.items():
            self.draw(source, table, shown)

    def _respond(self, transductive):
        """Noise responses: two training trials of each category, and the trials of the table."""
        names = [f"p{k:02d}" if self.table["stimulus"][0] else "" for k in range(6)]
        train = trials(names, list(CATEGORIES) * 2, 9).assign(trial=[f"u{k}" for k in range(6)])
        both = pd.concat([train, self.table[train.columns]], ignore_index=True)
        role = np.repeat(["train", "test"], [6, len(self.table)])
        design = both[["fold", "participant_id", "trial"]].assign(role=role)
        design = design.assign(group=both["trial"])
        paths = self.job.paths
        write_table(paths.design().with_suffix(".tsv"), design)
        self._commit(paths.design(), [], {"split": "by hand"})
        noise = np.random.default_rng(0).normal(size=(len(both), 5)).astype(np.float32)
        units = pd.DataFrame({"unit": list("abcde"), "roi": ""})
        responses = Responses(noise, both.assign(session="1", repeat=0), units, transductive)
        sidecar = paths.responses("given", "01")
        files = save_responses(sidecar, responses)
        self._commit(sidecar, files, {"transductive": transductive})

    def decode(self, arrays, order):
        columns = [c for c in self.table.columns if c != "item"]
        classes = CATEGORIES if "label" in arrays else ()
        conditions = Conditions(
            self.table[columns].iloc[order], {n: a[order] for n, a in arrays.items()}, classes
        )
        sidecar = self.job.paths.conditions("given-ridge", "01")
        self._commit(sidecar, *save_conditions(sidecar, conditions))

    def draw(self, source, table, shown):
        other = 255 - shown
        samples = np.stack([other, shown], axis=1)
        drawn = Reconstruction(table, samples, np.ones(len(table), np.int64))
        sidecar = self.job.paths.pictures(SYSTEM, source, "01")
        self._commit(sidecar, save_reconstruction(sidecar, drawn))

    def _commit(self, sidecar, files, facts=None):
        commit(sidecar, "fake", settings="s", seed=1, inputs={}, files=files, facts=facts)

    def scores(self):
        run(self.job)
        text = ("subject", "metric", "source", "role", "selection")
        return read_table(self.job.sidecar.with_suffix(".tsv"), text=text)


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    monkeypatch.setitem(sys.modules, "fake_mini", sys.modules[__name__])
    monkeypatch.setitem(registry.BUILT_IN["study"], "virtual", "fake_mini:FakeStudy")
    monkeypatch.setitem(registry.BUILT_IN["extractor"], "openclip", "fake_mini:FakeExtractor")
    monkeypatch.setattr(independent, "load_independent", FakeIndependent)


def trials(names, categories, runs):
    return pd.DataFrame(
        {
            "participant_id": "01", "trial": [f"t{k}" for k in range(len(names))],
            "stimulus": names, "category": categories, "run": runs, "fold": "0",
        }
    )  # fmt: skip


def pictures_study(folder, sources=("decoded", "true", "permuted", "mean")):
    scored = FakeStudy().stimuli()
    scored = scored.where(scored.table["set"] == "test")
    names = list(scored.table["id"])
    table = trials(names, scored.table["category"], 0).assign(item=names)
    blank = np.full_like(scored.pixels, 128)
    shown = {"decoded": scored.pixels, "true": scored.pixels,
             "permuted": np.roll(scored.pixels, 1, axis=0), "mean": blank}  # fmt: skip
    return Mini(folder, study("stimulus", list(sources)), table, {s: shown[s] for s in sources})


def category_study(folder, monkeypatch, label=None):
    monkeypatch.setitem(registry.BUILT_IN["study"], "virtual", "fake_mini:FakeCategoryStudy")
    stimuli = FakeStudy().stimuli()
    scored = stimuli.where(stimuli.table["set"] == "test")
    categories = list(CATEGORIES) * 4
    table = trials([""] * 12, categories, np.repeat(range(4), 3))
    table = table.assign(item=table["trial"])
    shown = np.stack([scored.pixels[CATEGORIES.index(c)] for c in categories])
    if label is None:
        label = np.eye(3)[[CATEGORIES.index(c) for c in categories]]
    return Mini(folder, study("trial", ["decoded"]), table, {"decoded": shown}, label, True)


def test_pictures_that_are_perfect_permuted_and_blank(tmp_path):
    mini = pictures_study(tmp_path)
    table = mini.scores()
    assert tuple(table.columns) == COLUMNS
    define(table["metric"])
    score = table.set_index(["source", "metric"])["value"]
    two_way = [f"two_way_{n}" for n in ("semantic", "independent", "hog_colour", "pixcorr")]
    for metric in (*two_way, "retrieval_top1", "retrieval_brain_top1"):
        assert score["decoded", metric] == 1
    assert score["decoded", "pixcorr"] == pytest.approx(1)
    assert score["decoded", "ssim"] == pytest.approx(1)
    for metric in two_way:
        assert score["mean", metric] == 0.5
        assert score["permuted", metric] < 0.9
    assert score["mean", "pixcorr"] == 0
    assert "retrieval_top1" not in score["true"].index
    p = table.set_index(["source", "metric"])["p"]
    assert p["decoded", "two_way_pixcorr"] < 0.02
    assert p["mean", "two_way_pixcorr"] == 1


def test_every_row_is_complete(tmp_path):
    table = pictures_study(tmp_path).scores()
    once = table[table["metric"] == "sample_spread"]
    assert len(once) == 4
    assert once[["p", "q", "p_refit"]].isna().all(axis=None)
    assert table["oracle_share"].isna().all()  # nobody knows how these responses were made
    table = table[table["metric"] != "sample_spread"]
    assert table.drop(columns=["p_refit", "oracle_share"]).notna().all(axis=None)
    refitted = table[table["p_refit"].notna()]
    assert list(refitted["metric"]) == ["retrieval_two_way"]
    assert refitted["p_refit"].item() > 0.05  # the responses are noise, whatever was "decoded"
    assert (table["ci_low"] <= table["value"] + 1e-12).all()
    assert (table["value"] <= table["ci_high"] + 1e-12).all()
    assert table["p"].between(1 / 201, 1).all()
    assert (table["n"] == 6).all()
    assert set(table["split"]) == {"by hand"}
    assert not table["transductive"].any()
    roles = dict(zip(table["source"], table["role"], strict=True))
    expected = {"decoded": "system", "true": "ceiling", "permuted": "baseline", "mean": "baseline"}
    assert roles == expected
    said = dict(zip(table["source"], table["selection"], strict=True))
    assert said["decoded"] == "best of 2 by agreement with the decoded target semantic"
    by = table.drop_duplicates("metric").set_index("metric")["extractor"]
    assert by["two_way_independent"] == "independent@fake"
    assert by["two_way_semantic"] == "openclip@fake"


def test_items_average_to_the_scores_and_runs_repeat_bit_for_bit(tmp_path):
    mini = pictures_study(tmp_path)
    table = mini.scores().set_index(["source", "metric"])["value"]
    files = [mini.job.sidecar.with_name(name) for name in read_sidecar(mini.job.sidecar).files]
    before = [file.read_bytes() for file in files]
    items = read_table(mini.job.sidecar.with_name("sub-01_items.tsv"))
    means = items.groupby(["source", "metric"])["value"].mean()
    for key, value in table.items():
        assert means[key] == pytest.approx(value)
    mini.scores()
    assert [file.read_bytes() for file in files] == before


def test_decoded_rows_are_matched_by_name_not_by_position(tmp_path):
    mini = pictures_study(tmp_path, ("decoded",))
    stimuli = mini.job.adapter.stimuli()
    mini.decode({"semantic": flat(stimuli.pixels[6:])}, np.array([3, 0, 5, 1, 4, 2]))
    score = mini.scores().set_index("metric")["value"]
    assert score["retrieval_top1"] == 1


def test_repeats_of_a_stimulus_count_as_one(tmp_path):
    scored = FakeStudy().stimuli().pixels[6:]
    names = [f"p{k:02d}" for k in range(6, 12)] * 4
    table = trials(names, "cat", 0).assign(item=[f"t{k}" for k in range(24)])
    drawn = np.tile(np.roll(scored, 1, axis=0), (4, 1, 1, 1))
    drawn[[0, 6, 12, 18]] = scored[0]  # one stimulus of six is drawn right, four times
    mini = Mini(tmp_path, study("trial", ["decoded"]), table, {"decoded": drawn})
    score = mini.scores().set_index("metric").loc["pixcorr"]
    assert score["n"] == 24
    assert score["p"] > 0.3  # one of six right: expected by chance; one by one it would be rarer
    assert score["ci_high"] - score["ci_low"] > 0.4


def test_pictures_of_another_size_are_scored(tmp_path, monkeypatch):
    mini = pictures_study(tmp_path, ("decoded",))
    monkeypatch.setattr(FakeExtractor, "embed", lambda self, p: flat(p[:, :16, :16]))
    monkeypatch.setattr(FakeIndependent, "features", lambda self, p: flat(p[:, :16, :16]))
    monkeypatch.setattr(independent, "hog_colour", lambda p: flat(p[:, :16, :16]))
    shown = mini.job.adapter.stimuli().pixels[6:].repeat(2, axis=1).repeat(2, axis=2)
    mini.draw("decoded", mini.table, shown)
    score = mini.scores().set_index("metric")["value"]
    assert score["two_way_pixcorr"] == 1
    assert score["pixcorr"] > 0.9


def test_categories(tmp_path, monkeypatch):
    table = category_study(tmp_path, monkeypatch).scores()
    score = table.groupby("metric")["value"].min()
    pictures = {"category_identification", "category_top1", "sample_spread"}
    assert set(score.index) == {*pictures, "accuracy_3way"}
    assert (score.drop("sample_spread") == 1).all()
    assert (table["n"] == 12).all()
    assert table["transductive"].all()
    assert (table["p"].dropna() < 0.05).all()
    chance = table.groupby("metric")["chance"].first()
    assert chance["accuracy_3way"] == chance["category_top1"] == pytest.approx(1 / 3)
    assert len(table[table["metric"] == "category_identification"]) == 4


def test_label_scores_are_matched_by_name(tmp_path, monkeypatch):
    mini = category_study(tmp_path, monkeypatch)
    order = np.random.default_rng(0).permutation(12)
    mini.decode({"semantic": np.zeros((12, 768), np.float32),
                 "label": np.eye(3, dtype=np.float32)[np.arange(12) % 3]}, order)  # fmt: skip
    score = mini.scores().set_index("metric")["value"]
    assert score["accuracy_3way"] == 1


def test_equal_label_scores_share(tmp_path, monkeypatch):
    table = category_study(tmp_path, monkeypatch, label=np.ones((12, 3))).scores()
    row = table[table["metric"] == "accuracy_3way"].iloc[0]
    assert row["value"] == pytest.approx(1 / 3)
    assert row["p"] == 1


def test_sources_of_other_items_are_refused(tmp_path):
    mini = pictures_study(tmp_path, ("decoded", "true"))
    mini.draw("true", mini.table.iloc[::-1], mini.job.adapter.stimuli().pixels[6:])
    with pytest.raises(DataError, match=r"true/sub-01\.json: must hold the 6 items"):
        run(mini.job)
    assert not mini.job.sidecar.exists()


def test_a_stimulus_that_is_not_scored_is_named(tmp_path):
    mini = pictures_study(tmp_path, ("decoded",))
    table = mini.table.assign(stimulus=["p00", *mini.table["stimulus"][1:]])
    mini.draw("decoded", table, mini.job.adapter.stimuli().pixels[6:])
    with pytest.raises(DataError, match=r"no scored picture .* for p00"):
        run(mini.job)


def test_items_that_were_not_decoded_are_refused(tmp_path):
    mini = pictures_study(tmp_path, ("decoded",))
    mini.decode({"semantic": flat(mini.job.adapter.stimuli().pixels[6:])}, np.arange(4))
    with pytest.raises(DataError, match="nothing decoded for 2 items"):
        run(mini.job)


def test_one_candidate_identifies_nothing(tmp_path, monkeypatch):
    mini = pictures_study(tmp_path, ("decoded",))
    whole = FakeStudy().stimuli()
    one = whole.where(whole.table["id"].isin(["p00", "p06"]))
    monkeypatch.setattr(FakeStudy, "stimuli", lambda self: one)
    with pytest.raises(DataError, match="needs two or more"):
        run(mini.job)


def test_pixels_are_compared_at_the_resolution_of_the_study(tmp_path):
    mini = pictures_study(tmp_path, ("decoded",))
    settings = mini.job.study.evaluate.model_copy(update={"resolution": 40})
    study = mini.job.study.model_copy(update={"evaluate": settings})
    mini.job = Job("evaluate", study, mini.job.paths, 1, {"subject": "01"})
    table = mini.scores().set_index("metric")
    assert table["resolution"]["pixcorr"] == table["resolution"]["ssim"] == "40x40"
    assert table["resolution"]["two_way_independent"] == "its own"
    assert table["value"]["ssim"] == pytest.approx(1)
    assert set(table["averaging"]) == {"single trial"}


def test_weights_that_the_study_names_must_be_there(tmp_path):
    mini = pictures_study(tmp_path, ("decoded",))
    settings = mini.job.study.evaluate.model_copy(update={"extractors": {"swav": "absent"}})
    study = mini.job.study.model_copy(update={"evaluate": settings})
    mini.job = Job("evaluate", study, mini.job.paths, 1, {"subject": "01"})
    with pytest.raises(MissingWeights, match="absent: no weights of swav"):
        mini.scores()


def test_the_fields_networks_score_beside_the_extractor_that_ships(tmp_path, monkeypatch):
    class Network:
        metrics = {"alexnet2": "alexnet/features.4@1", "swav": "swav/avgpool@1"}

        def features(self, pictures):
            return {name: flat(pictures) for name in self.metrics}

    monkeypatch.setattr("neurodecode.models.extractors.load_network", lambda *_: Network())
    mini = pictures_study(tmp_path, ("decoded", "mean"))
    settings = mini.job.study.evaluate.model_copy(update={"extractors": {"alexnet": "w"}})
    study = mini.job.study.model_copy(update={"evaluate": settings})
    mini.job = Job("evaluate", study, mini.job.paths, 1, {"subject": "01"})
    table = mini.scores().set_index(["source", "metric"])
    assert table["value"]["decoded", "two_way_alexnet2"] == 1
    assert table["value"]["decoded", "distance_swav"] == pytest.approx(0, abs=1e-9)
    assert table["p"]["decoded", "distance_swav"] < 0.02  # lower is better, also for p
    assert table["value"]["mean", "distance_swav"] == 1
    assert table["p"]["mean", "distance_swav"] == 1
    assert table["extractor"]["decoded", "two_way_alexnet2"] == "alexnet/features.4@1"
    assert "two_way_swav" not in table.index.get_level_values("metric")


def test_chains_that_are_not_ridge_are_not_refitted_and_say_why(tmp_path, monkeypatch):
    mini = category_study(tmp_path, monkeypatch)
    raw = mini.job.study.model_dump()
    raw["decoders"] = {"ridge": {"kind": "shrinkage_lda", "targets": ["semantic"]}}
    mini.job = Job(
        "evaluate", StudyConfig.model_validate(raw), mini.job.paths, 1, {"subject": "01"}
    )
    assert mini.scores()["p_refit"].isna().all()
    why = read_sidecar(mini.job.sidecar).facts["not_refitted"]
    assert why == {"given-ridge": "only ridge is refitted, not shrinkage_lda"}


def test_identification_is_told_apart_within_and_across_categories(tmp_path):
    table = pictures_study(tmp_path).scores().set_index(["source", "metric"])["value"]
    for metric in ("two_way_semantic", "two_way_independent", "retrieval_two_way"):
        assert table["decoded", f"{metric}_within_category"] == 1
        assert table["decoded", f"{metric}_across_categories"] == 1
    assert table["mean", "two_way_independent_within_category"] == 0.5
