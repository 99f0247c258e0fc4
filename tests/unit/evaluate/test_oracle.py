"""The oracle's rows: what they are read off, beside which scores they stand, and their shares."""

import sys

import numpy as np
import pandas as pd
import pytest
from test_evaluate_stage import (
    FakeIndependent,
    FakeStudy,
    Mini,
    flat,
    pictures_study,
    study,
    trials,
)

from neurodecode import registry
from neurodecode.artifacts import read_table
from neurodecode.evaluate.dictionary import collect, is_identification
from neurodecode.evaluate.tables import correlations
from neurodecode.models import independent

SCORED = [f"p{k:02d}" for k in range(6, 12)]
# Row: candidate; column: trial. The fifth is taken for the first, the sixth for its equal.
SAID = np.array(
    [
        [0.0, -3, -3, -3, 1, -3],
        [-1, 0, -3, -3, -3, -3],
        [-2, -3, 0, -3, -3, -3],
        [-3, -3, -3, 0, -3, -3],
        [-4, -3, -3, -3, 0, 0],
        [-5, -3, -3, -3, -3, 0],
    ]
)


class KnowingStudy(FakeStudy):
    """Knows what is shown, and says it as above, the same for each repeat."""

    def log_likelihood(self, subject, responses, candidates):
        assert list(candidates.table["id"]) == SCORED
        shown = [SCORED.index(name) for name in responses.trials["stimulus"]]
        # A constant a trial says nothing.
        return SAID[:, shown] + 10.0 * np.arange(len(shown))


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    monkeypatch.setitem(sys.modules, "fake_knowing", sys.modules[__name__])
    monkeypatch.setitem(registry.BUILT_IN["study"], "virtual", "fake_knowing:KnowingStudy")
    monkeypatch.setitem(sys.modules, "fake_mini", sys.modules["test_evaluate_stage"])
    monkeypatch.setitem(registry.BUILT_IN["extractor"], "openclip", "fake_mini:FakeExtractor")
    monkeypatch.setattr(independent, "load_independent", FakeIndependent)


def of(table, role):
    return table[table["role"] == role].set_index("metric")


def test_identification_is_read_off_the_likelihoods(tmp_path):
    table = pictures_study(tmp_path).scores()
    oracle = of(table, "oracle")
    two_way = np.mean([1, 1, 1, 1, 0.8, 0.9])
    for metric in ("two_way_semantic", "two_way_pixcorr", "retrieval_two_way"):
        assert oracle.loc[metric, "value"] == pytest.approx(two_way)
    assert oracle.loc["retrieval_top1", "value"] == pytest.approx(np.mean([1, 1, 1, 1, 0, 0.5]))
    # Of pictures of one category (the first and fourth, ...), and of the others.
    within, across = "two_way_semantic_within_category", "two_way_semantic_across_categories"
    assert oracle.loc[within, "value"] == 1
    assert oracle.loc[across, "value"] == pytest.approx(np.mean([1, 1, 1, 1, 0.75, 0.875]))


def test_likeness_is_that_of_the_likeliest_scored_picture(tmp_path):
    mini = pictures_study(tmp_path)
    oracle = of(mini.scores(), "oracle")
    pixels = flat(mini.job.adapter.stimuli().scored.pixels)
    likeliest = [0, 1, 2, 3, 0, 4]
    expected = correlations(pixels, pixels[likeliest]).diagonal().mean()
    assert oracle.loc["pixcorr", "value"] == pytest.approx(expected, abs=1e-6)
    assert oracle.loc["pixcorr", "selection"] == "none (one picture an item)"


def test_each_score_of_what_is_decoded_has_its_oracle(tmp_path):
    table = pictures_study(tmp_path).scores()
    decoded = of(table, "system").drop("sample_spread")
    oracle = of(table, "oracle")
    assert set(oracle.index) == set(decoded.index)
    assert set(oracle["source"]) == {"oracle"}
    assert (oracle["extractor"] == decoded["extractor"].reindex(oracle.index)).all()
    assert (oracle["n"] == 6).all()
    assert oracle["p"].between(1 / 201, 1).all()


def test_shares_are_of_the_lead_over_chance_and_of_identification_alone(tmp_path):
    table = pictures_study(tmp_path).scores()
    identified = table["metric"].map(is_identification) & (table["source"] == "decoded")
    assert (table["oracle_share"].notna() == identified).all()
    best = of(table, "oracle")["value"]
    for row in table[identified].itertuples():
        lead = best[row.metric] - row.chance
        assert row.oracle_share == pytest.approx((row.value - row.chance) / lead)


def test_repeats_are_added_where_they_are_scored_as_one(tmp_path, monkeypatch):
    """Neither of two trials alone tells, the sum does."""
    halves = np.where(np.eye(6), 0.0, -1.0)
    misled = halves + 1.5 * np.roll(np.eye(6), 1, axis=0)

    def log_likelihood(self, subject, responses, candidates):
        shown = [SCORED.index(name) for name in responses.trials["stimulus"]]
        first = responses.trials["trial"].str.endswith("a").to_numpy()
        return np.where(first, misled[:, shown], 2 * halves[:, shown])

    monkeypatch.setattr(KnowingStudy, "log_likelihood", log_likelihood)
    scored = FakeStudy().stimuli().scored
    twice = trials(SCORED * 2, list(scored.table["category"]) * 2, 0)
    twice["trial"] = [f"{name}{end}" for end in "ab" for name in SCORED]
    shown = np.tile(scored.pixels, (2, 1, 1, 1))
    top1 = {}
    for unit in ("trial", "stimulus"):
        table = twice.assign(item=twice["trial" if unit == "trial" else "stimulus"])
        mini = Mini(tmp_path / unit, study("stimulus", ["decoded"]), table, {})
        config = mini.job.study
        mini.job = type(mini.job)(
            "evaluate",
            config.model_copy(
                update={"reconstruct": config.reconstruct.model_copy(update={"unit": unit})}
            ),
            mini.job.paths, 1, {"subject": "01"},
        )  # fmt: skip
        items = table if unit == "trial" else table.iloc[:6]
        mini.draw("decoded", items, shown[: len(items)])
        oracle = of(mini.scores(), "oracle")
        top1[unit] = oracle.loc["retrieval_top1", "value"]
        said = {"trial": "single trial", "stimulus": "log-likelihoods of 2 trials added"}
        assert set(oracle["averaging"]) == {said[unit]}
    assert top1 == {"trial": 0.5, "stimulus": 1}


def test_there_is_none_where_the_truth_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.BUILT_IN["study"], "virtual", "fake_mini:FakeStudy")
    table = pictures_study(tmp_path).scores()
    assert "oracle" not in set(table["role"])
    assert table["oracle_share"].isna().all()


def test_the_dictionary_says_what_it_holds(tmp_path):
    mini = pictures_study(tmp_path)
    mini.scores()
    _, words = collect([mini.job.sidecar], tmp_path / "scores.tsv")
    known = pd.read_json(words, orient="index")["oracle"]
    assert "likelihood" in known["two_way_pixcorr"]
    assert "no bar" in known["pixcorr"]
    assert known.isna()["sample_spread"]
    items = read_table(mini.job.sidecar.with_name("sub-01_items.tsv"))
    assert (items.groupby("source").size()["oracle"] == 6 * known.notna().sum()).all()
