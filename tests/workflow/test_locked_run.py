"""A person's own recording: locked by default, answered with care, unlocked once and for good."""

import re

import numpy as np
import pytest
import yaml

from neurodecode.artifacts import read_table
from neurodecode.cli import main
from neurodecode.evaluate.ledger import read_ledger

SUBJECT = ["--study", "own", "--subject", "01"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Features of two repeats of 60 stimuli in 6 sessions, and their categories; two decoders."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 6))
    seen = np.tile(np.arange(60), 2)
    signal = features[seen] @ rng.normal(size=(6, 40))
    x = (signal / signal.std() + 1.5 * rng.normal(size=signal.shape)).astype(np.float32)
    np.savez(tmp_path / "own.npz", x=x, f=features, seen=seen,
             kind=np.where(features[seen, 0] > 0, "a", "b"))  # fmt: skip
    study = {
        "name": "own", "title": "My own",
        "data": {"kind": "arrays", "subjects": {"01": "own.npz"}, "index_base": 0,
                 "keys": {"responses": "x", "features": "f", "stimulus": "seen",
                          "labels": "kind"}},
        "responses": {"given": {"kind": "as_given"}},
        "targets": {"mine": {"kind": "given"}},
        "decoders": {"ridge": {"kind": "ridge", "targets": ["mine"], "alphas": [10, 1000]},
                     "lda": {"kind": "shrinkage_lda", "targets": []}},
        "design": {"split": {"kind": "stimulus_folds", "n_folds": 3}, "group": "stimulus"},
        "reconstruct": {"unit": "stimulus", "choose_by": "mine"},
        "evaluate": {"n_bootstrap": 200, "n_permutations": 500},
        "systems": [{"responses": "given", "decoder": "ridge"},
                    {"responses": "given", "decoder": "lda"}],
        "multiverse": {"responses": ["given"], "decoders": ["ridge", "stiff"],
                       "metric": "retrieval_two_way"},
    }  # fmt: skip
    study["decoders"]["stiff"] = {**study["decoders"]["ridge"], "alphas": [30]}
    write(tmp_path, study)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, study):
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "studies" / "own.yaml").write_text(yaml.safe_dump(study))
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"studies": ["own"], "seed": 1}))


def scores(folder):
    return read_table(folder / "results/own/scores/sub-01.tsv", text=("subject",))


def text(folder):
    page = (folder / "results/report/index.html").read_text()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page))


def test_locked_then_unlocked(folder, capsys):
    ledger = folder / "results/own/scores/sub-01_ledger.jsonl"
    assert main(["reconstruct", *SUBJECT]) == 0
    assert "neurodecode unlock --study own" in capsys.readouterr().out
    locked = scores(folder)
    assert set(locked["metric"]) == {"accuracy_2way", "retrieval_two_way"}
    assert locked["value"].between(0.5, 1.1).all()
    assert locked[["ci_low", "ci_high", "p", "q"]].isna().all(axis=None)
    assert locked["averaging"].str.contains("test set locked").all()
    assert not len(read_table(folder / "results/own/scores/sub-01_items.tsv"))
    kinds = [entry.kind for entry in read_ledger(ledger)]
    assert kinds == ["answer"] * len(locked) + ["locked"]

    assert main(["stage", "report"]) == 0
    page = text(folder)
    assert "The test set is locked: no success is claimed." in page
    assert "never been scored exactly" in page
    assert "neurodecode unlock --study own" in page
    assert "Not told while the test set is locked. How much" in page
    assert "make one group" not in page
    assert "Ties go by" not in page

    before = ledger.read_bytes()
    assert main(["stage", "evaluate", *SUBJECT]) == 0  # asked again: the same answers, no look
    assert scores(folder).equals(locked)
    assert ledger.read_bytes() == before

    assert main(["unlock", "--study", "own"]) == 0
    assert "cannot be taken back" in capsys.readouterr().out
    assert main(["reconstruct", *SUBJECT]) == 0
    exact = scores(folder)
    assert len(exact) > len(locked)
    assert exact["ci_low"].notna().all()
    assert [entry.kind for entry in read_ledger(ledger)] == [*kinds, "unlock", "exact"]
    assert main(["stage", "report"]) == 0
    assert "was unlocked by hand" in text(folder)
    capsys.readouterr()
    assert main(["unlock", "--study", "own"]) == 0
    assert "unlocked already" in capsys.readouterr().out
    # What was answered while locked is near what is exact.
    both = exact.merge(locked, on=["system", "metric"], suffixes=("", "_locked"))
    assert (both["value"] - both["value_locked"]).abs().max() < 0.25


def test_no_test_trial_reaches_the_training_score(folder):
    assert main(["reconstruct", *SUBJECT]) == 0
    fitted = sorted((folder / "results/own/training").rglob("*.safetensors"))
    assert fitted
    design = read_table(folder / "results/own/design.tsv", text=("fold", "trial"))
    train = design[design["role"] == "train"].groupby("fold")["trial"].size()
    for fold, n in train.items():
        files = [f for f in fitted if f.parent.name.startswith(f"fold-{fold}.")]
        assert len(files) == 2 * 2 * 5  # decoders, fitted and decoded, inner folds
        assert n < len(design) / design["fold"].nunique()


def specify(folder, **changes):
    """Score the multiverse of the study with some sections changed; returns its table's text."""
    study = yaml.safe_load((folder / "config/studies/own.yaml").read_text())
    write(folder, {**study, **changes})
    assert main(["reconstruct", *SUBJECT]) == 0
    assert main(["stage", "embed", "--study", "own", "--chain", "given-stiff"]) == 0
    assert main(["stage", "specify", *SUBJECT]) == 0
    return (folder / "results/own/multiverse/sub-01.tsv").read_text()


def test_a_multiverse_of_a_locked_study_looks_at_no_test_trial(folder, capsys):
    ledger = folder / "results/own/scores/sub-01_ledger.jsonl"
    tested = np.random.default_rng(1).permutation(60)[:20]
    data = dict(np.load("own.npz"))
    marked = {**data, "test": np.isin(data["seen"], tested)}
    keys = {"responses": "x", "features": "f", "stimulus": "seen", "labels": "kind",
            "test_trials": "test"}  # fmt: skip
    study = yaml.safe_load((folder / "config/studies/own.yaml").read_text())
    fixed = {"data": {**study["data"], "keys": keys},
             "design": {"split": {"kind": "trial_set"}, "group": "stimulus"}}  # fmt: skip
    np.savez("own.npz", **marked)
    table = specify(folder, **fixed)
    kinds = [entry.kind for entry in read_ledger(ledger)]
    assert kinds == ["answer"] * 3 + ["locked"]  # all of stage evaluate
    scored = read_table(folder / "results/own/multiverse/sub-01.tsv")
    assert scored["n"].eq(40).all()
    assert scored["split"].str.startswith("5 inner folds of the training trials").all()
    assert scored[["ci_low", "ci_high", "p", "q"]].notna().all(axis=None)
    assert (scored["value"] > 0.7).all()
    assert main(["stage", "multiverse"]) == 0
    assert "so training trials were scored" in text(folder)
    assert "2 specifications" in text(folder)

    poison = np.where(marked["test"][:, None], -1e3 * data["x"][::-1], data["x"])
    np.savez("own.npz", **{**marked, "x": poison.astype(np.float32)})
    assert specify(folder) == table  # to the byte
    learned = np.where(marked["test"][:, None], data["x"], data["x"][::-1])
    np.savez("own.npz", **{**marked, "x": learned.astype(np.float32)})
    assert specify(folder) != table

    assert main(["unlock", "--study", "own"]) == 0
    assert not (folder / "results/own/multiverse/sub-01.json").exists()
    np.savez("own.npz", **marked)
    assert specify(folder) != table
    assert [entry.kind for entry in read_ledger(ledger)].count("exact") == 2  # scores, multiverse
    capsys.readouterr()
    assert main(["stage", "multiverse"]) == 0
    assert "so training trials were scored" not in text(folder)


def test_where_folds_rotate_each_item_is_scored_in_the_folds_that_it_trains(folder):
    specify(folder)
    scored = read_table(folder / "results/own/multiverse/sub-01.tsv")
    assert scored["n"].eq(60).all()
    assert scored["value"].between(0.7, 1).all()
    assert (scored["p"] < 0.01).all()


@pytest.mark.parametrize(
    ("metric", "words"),
    [("two_way_pixcorr", "cannot be told while"), ("accuracy_2way", "scores are retrieval_two")],
)
def test_what_training_trials_do_not_tell_is_refused(folder, capsys, metric, words):
    multiverse = {"responses": ["given"], "decoders": ["ridge", "stiff"], "metric": metric}
    study = yaml.safe_load((folder / "config/studies/own.yaml").read_text())
    del study["data"]["keys"]["labels"]
    study["systems"], study["decoders"] = study["systems"][:1], study["decoders"]
    write(folder, {**study, "multiverse": multiverse})
    assert main(["reconstruct", *SUBJECT]) == 0
    assert main(["stage", "embed", "--study", "own", "--chain", "given-stiff"]) == 0
    assert main(["stage", "specify", *SUBJECT]) == 2
    assert words in capsys.readouterr().err
    assert not list((folder / "results").rglob("multiverse/*"))
