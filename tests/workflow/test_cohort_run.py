"""A study of a person's own features of people, from files to the report, by the command line."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from neurodecode.artifacts import hash_file, hash_settings, load_arrays, read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.config import StudyConfig, read_settings
from neurodecode.deconfound import training
from neurodecode.deconfound.audit import AUDIT_COLUMNS
from neurodecode.deconfound.residualize import Residualize
from neurodecode.deconfound.stage import folds
from neurodecode.dependencies import deconfound_settings
from neurodecode.errors import DataWarning
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, run
from neurodecode.registry import make
from neurodecode.seeds import derive
from neurodecode.studies.cohort import VirtualCohort

ROOT = Path(__file__).parents[2]

STUDY = {
    "name": "people",
    "title": "Own people",
    "data": {"kind": "cohort", "simulated": True, "about": {"recorded": "Nothing."}},
    "deconfound": {
        "demographics": ["age", "sex", "site"],
        "label": "diagnosis",
        "n_folds": 3,
        "forest": False,
        "methods": {
            "residualize": {"kind": "residualize"},
            "combat": {"kind": "harmonize", "knots": 0},
        },
    },
}
NAMES = ("residualize", "combat", "as_given")


def make_folder(tmp_path):
    rng = np.random.default_rng(0)
    n = 240
    table = pd.DataFrame(
        {
            "participant_id": [f"sub-{k:03d}" for k in range(n)],
            "age": rng.uniform(20, 60, n).round(1),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(["1", "2"], n),
        }
    )
    table["site"] = "scanner" + table["site"]
    # The label goes with the site, and with nothing else.
    flip = rng.random(n) < 0.15
    table["diagnosis"] = np.where((table["site"] == "scanner1") ^ flip, "case", "control")
    X = rng.normal(size=(n, 30)) + (table["sex"] == "M").to_numpy(float)[:, None]
    X += (table["site"] == "scanner1").to_numpy(float)[:, None] * rng.normal(size=30)
    order = rng.permutation(n)
    np.savez(tmp_path / "x.npz", participant_id=table["participant_id"][order].to_numpy(str),
             features=X[order])  # fmt: skip
    table.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    write(tmp_path)
    return tmp_path


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("audited"))
    for name in NAMES:
        assert deconfound(folder, name) == 0
    return folder


def write(folder, **changes):
    study = {**STUDY, "data": {**STUDY["data"], "features": str(folder / "x.npz"),
             "participants": str(folder / "participants.tsv")}}  # fmt: skip
    study["deconfound"] = {**study["deconfound"], **changes}
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / "people.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"studies": ["people"], "seed": 1, "results": str(folder / "results")})
    )


def stage(folder, *words):
    return main(["stage", *words, "--config", str(folder / "config.yaml")])


def deconfound(folder, name="residualize"):
    return stage(folder, "deconfound", "--study", "people", "--deconfounder", name)


def test_from_files_to_the_page(audited):
    results = audited / "results" / "people" / "deconfound"
    audit = read_table(results / "residualize.tsv")
    assert tuple(audit.columns) == ("fold", *AUDIT_COLUMNS)
    assert set(audit["fold"]) == {0, 1, 2}
    found = {
        name: read_table(results / f"{name}.tsv")
        .query("figure == 'left' and what == 'sex' and probe == 'linear'")["value"]
        .mean()
        for name in NAMES
    }
    assert found["as_given"] > 0.9
    assert found["combat"] > 0.9  # removes the site alone
    assert found["residualize"] < 0.65
    assert stage(audited, "report") == 0
    page = (audited / "results" / "report" / "index.html").read_text()
    assert "What is left of sex (accuracy, chance 0.50)" in page
    assert "diagnosis can be told from site (0." in page
    assert "no method can say which of them a decoder found" in page
    assert "sub-0" not in page


def test_a_transformer_of_each_fold_is_kept_and_can_be_used(audited):
    study = read_settings(StudyConfig, audited / "studies" / "people.yaml")
    table, X = make("study", study.data).people()
    path = audited / "results" / "people" / "deconfound" / "residualize" / "fold-1.safetensors"
    method = Residualize().restore(load_arrays(path))
    moved = method.transform(X, demographics=table)
    counts = read_sidecar(path.with_suffix(".json")).facts["people"]
    assert counts == {"fit": 80, "probe": 80, "test": 80}
    means = [moved[(table["sex"] == s).to_numpy()].mean() for s in "FM"]
    assert abs(means[0] - means[1]) < 0.2


def test_finished_folds_are_kept(audited):
    results = audited / "results" / "people" / "deconfound"
    kept = results / "residualize" / "fold-0.tsv"
    before, whole = kept.stat().st_mtime_ns, (results / "residualize.tsv").read_bytes()
    (results / "residualize.json").unlink()
    (results / "residualize" / "fold-2.json").unlink()
    assert deconfound(audited) == 0
    assert kept.stat().st_mtime_ns == before
    assert (results / "residualize.tsv").read_bytes() == whole


@pytest.mark.parametrize("choosing", [False, True])
def test_sets_of_every_fold_are_disjoint_and_everybody_is_tested_once(choosing):
    sets = folds(50, 4, seed=1, choosing=choosing)
    assert sorted(np.concatenate([s.test for s in sets])) == list(range(50))
    for s in sets:
        assert sorted(np.concatenate([s.fit, s.validation, s.probe, s.test])) == list(range(50))
        assert (len(s.validation) > 0) == choosing


CANDIDATES = {
    "gentle": {"kind": "residualize", "knots": 0, "variance": False},
    "shrunken": {"kind": "shrunken", "n_components": 5, "n_factors": 5, "keep_label": True},
    "network": {"kind": "demovae", "n_components": 10, "latent_dim": 3, "steps": 4, "every": 2},
}


def test_validation_people_choose_among_candidates_fold_by_fold(folder):
    choice = {"candidates": CANDIDATES}
    write(folder, choice=choice, methods={}, n_folds=4, demographics=["age", "sex"])
    for name in ("chosen", "as_given"):
        assert deconfound(folder, name) == 0
    results = folder / "results" / "people" / "deconfound"
    audit = read_table(results / "chosen.tsv")
    told = audit[audit["figure"] == "candidate"]
    assert set(told["n"]) == {60}
    study = read_settings(StudyConfig, folder / "studies" / "people.yaml")
    table, X = make("study", study.data).people()
    for fold in range(4):
        sidecar = read_sidecar(results / "chosen" / f"fold-{fold}.json")
        people = {"fit": 60, "probe": 60, "test": 60, "validation": 60}
        assert sidecar.facts["people"] == people
        rows = told[told["fold"] == fold]
        (chosen,) = rows[(rows["probe"] == "chosen") & (rows["value"] == 1)]["what"]
        assert sidecar.facts["chosen"] == chosen
        # What is kept is the chosen one's, and can be used.
        method = make("deconfounder", study.deconfound.choice.candidates[chosen])
        method.restore(load_arrays(results / "chosen" / f"fold-{fold}.safetensors"))
        assert method.transform(X, demographics=table).shape[0] == len(table)
    assert not list(results.rglob("*checkpoints*"))
    assert stage(folder, "report") == 0
    page = (folder / "results" / "report" / "index.html").read_text()
    assert "How the method was chosen" in page
    assert "in 5 components and the direction of the label" in page
    assert " of 4</td>" in page
    assert "That anything but diagnosis is kept as well" in page


def test_poisoned_people_who_train_and_test_probes_change_nothing_that_is_fitted(folder):
    """Their features, demographics and label: transformers and the choice stay, byte by byte."""
    network = {"kind": "demovae", "n_components": 20, "latent_dim": 8, "steps": 4, "every": 2}
    two = {name: CANDIDATES[name] for name in ("gentle", "shrunken")}
    write(folder, choice={"candidates": two}, methods={"network": network}, n_folds=4)
    results = folder / "results" / "people" / "deconfound"

    def fitted():
        for name in ("chosen", "network"):
            assert deconfound(folder, name) == 0
        rows = read_table(results / "chosen" / "fold-0.tsv")
        files = [results / name / "fold-0.safetensors" for name in ("chosen", "network")]
        chose, left = (rows[rows["figure"] == figure] for figure in ("candidate", "left"))
        return [hash_file(file) for file in files], chose.to_numpy().tolist(), left["value"]

    before = fitted()
    fold = folds(240, 4, derive(1, "deconfound", "people"), choosing=True)[0]
    tested = np.concatenate([fold.probe, fold.test])
    with np.load(folder / "x.npz") as file:
        names, X = file["participant_id"], file["features"]
    X[tested] = 10 * np.random.default_rng(1).normal(size=X[tested].shape)
    np.savez(folder / "x.npz", participant_id=names, features=X)
    table = pd.read_csv(folder / "participants.tsv", sep="\t").set_index("participant_id")
    whose, order = names[tested], np.random.default_rng(2).permutation(len(tested))
    table.loc[whose] = table.loc[whose].to_numpy()[order]
    table.to_csv(folder / "participants.tsv", sep="\t")
    after = fitted()
    assert after[0] == before[0]
    assert str(after[1]) == str(before[1])
    assert not np.allclose(after[2], before[2])


def test_a_killed_job_goes_on_from_the_steps_that_were_trained(folder, monkeypatch):
    network = {"kind": "demovae", "n_components": 20, "latent_dim": 8, "steps": 20, "every": 2}
    write(folder, methods={"network": network})
    study = read_settings(StudyConfig, folder / "studies" / "people.yaml")
    job = Job("deconfound", study, Paths(folder / "results", "people"), 1,
              {"deconfounder": "network"})  # fmt: skip
    step, done = training._step, []

    def killed(*args):
        if len(done) == 15:
            raise KeyboardInterrupt
        done.append(1)
        step(*args)

    monkeypatch.setattr(training, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(job)
    kept = list((folder / "results").rglob("*_checkpoints/demovae-choose-*"))
    assert kept
    taken = training._resume
    found = []

    def resumed(*args):
        found.append(taken(*args))
        return found[-1]

    monkeypatch.setattr(training, "_step", step)
    monkeypatch.setattr(training, "_resume", resumed)
    run(job)
    assert found[0] >= 2
    assert not list((folder / "results").rglob("*_checkpoints"))


def test_other_candidates_make_only_the_chosen_old(folder):
    section = {"choice": {"candidates": CANDIDATES}, "n_folds": 4}
    write(folder, **section)
    paths = folder / "studies" / "people.yaml"
    before = read_settings(StudyConfig, paths)
    write(folder, **{**section, "choice": {"candidates": CANDIDATES, "allowed": 0.1}})
    after = read_settings(StudyConfig, paths)
    hashes = [
        {n: hash_settings(deconfound_settings(study, n)) for n in study.deconfound.names}
        for study in (before, after)
    ]
    assert {n for n in hashes[0] if hashes[0][n] != hashes[1][n]} == {"chosen"}


def change(folder, **values):
    path = folder / "participants.tsv"
    table = pd.read_csv(path, sep="\t").assign(**values)
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda f: change(f, site=["alone", *["a", "b"] * 119, "a"]), "alone (1)"),
        (lambda f: change(f, sex="F"), "sex is F for all people"),
        (lambda f: change(f, age=np.nan), "age is missing for 240 of 240 people"),
        (lambda f: change(f, diagnosis="case"), "diagnosis is the same for all people"),
        (lambda f: write(f, demographics=["handedness"]), "column(s) handedness missing"),
        (lambda f: write(f, label="sex"), "cannot be removed and kept"),
        (lambda f: write(f, methods={"as_given": {"kind": "residualize"}}), "as_given is the name"),
        (lambda f: write(f, methods={"chosen": {"kind": "residualize"}}), "chosen is the name"),
        (lambda f: write(f, methods={}), "name at least one, or a choice"),
        (lambda f: write(f, choice={"candidates": CANDIDATES}), "must be 4 or more"),
        (
            lambda f: write(f, choice={"candidates": CANDIDATES}, label=None, n_folds=4),
            "choice: needs a label",
        ),
        (
            lambda f: write(f, methods={"a": CANDIDATES["shrunken"]}, label=None),
            "methods.a.keep_label: needs a label",
        ),
        (lambda f: (f / "x.npz").unlink(), "no such file"),
        (lambda f: (f / "x.npz").write_bytes(b"no"), "not a readable .npz"),
        (lambda f: np.savez(f / "x.npz", features=np.ones((2, 2))), "participant_id missing"),
        (
            lambda f: np.savez(f / "x.npz", features=np.ones((2, 2)), participant_id=["a", "b"]),
            "2 of the 2 people with features are not in it",
        ),
        (
            lambda f: np.savez(f / "x.npz", features=np.ones((2, 2)), participant_id=["a", "a"]),
            "1 rows of participant_id stand twice",
        ),
        (
            lambda f: np.savez(f / "x.npz", features=np.full((1, 2), np.nan),
                               participant_id=["sub-000"]),
            "must be finite numbers",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_nothing_is_written(folder, capsys, mistake, message):
    mistake(folder)
    assert deconfound(folder) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "results" / "people" / "deconfound" / "residualize.json").exists()


def test_names_are_checked(folder, capsys):
    assert deconfound(folder, "magic") == 2
    assert "deconfounder must be one of residualize, combat, as_given" in capsys.readouterr().err
    config = str(folder / "config.yaml")
    assert (
        main(["reconstruct", "--study", "people", "--subject", "cohort", "--config", config]) == 2
    )
    assert "holds no stimuli" in capsys.readouterr().err


def test_within_one_subject_there_is_nothing_to_remove(tmp_path, capsys):
    study = yaml.safe_load((ROOT / "config" / "studies" / "haxby2001.yaml").read_text())
    study["deconfound"] = STUDY["deconfound"]
    path = tmp_path / "haxby.yaml"
    path.write_text(yaml.safe_dump(study))
    words = ["stage", "deconfound", "--study", str(path), "--deconfounder", "combat"]
    with warnings.catch_warnings():
        warnings.simplefilter("default", DataWarning)
        assert main([*words, "--out", str(tmp_path / "results")]) == 0
    assert "there is nothing to remove" in capsys.readouterr().err
    (sidecar,) = (tmp_path / "results").rglob("combat.json")
    assert "no_op" in read_sidecar(sidecar).facts
    assert not len(read_table(sidecar.with_suffix(".tsv")))


def test_connectivity_of_recordings_is_fitted_on_the_training_people_of_each_fold(folder):
    rng = np.random.default_rng(0)
    names = np.load(folder / "x.npz")["participant_id"]
    courses = rng.normal(size=(len(names), 60, 6)) @ (np.eye(6) + 0.5 * rng.random((6, 6)))
    np.savez(folder / "x.npz", participant_id=names, timeseries=courses)
    path = folder / "studies" / "people.yaml"
    study = yaml.safe_load(path.read_text())
    study["data"]["connectivity"] = "tangent"
    path.write_text(yaml.safe_dump(study))
    assert deconfound(folder) == 0
    results = folder / "results" / "people" / "deconfound"
    whitenings = [
        load_arrays(results / "residualize" / f"fold-{k}.safetensors")["connectivity.whitening"]
        for k in range(3)
    ]
    assert whitenings[0].shape == (6, 6)
    assert np.abs(whitenings[0] - whitenings[1]).max() > 1e-4
    assert deconfound(folder, "as_given") == 0
    given = load_arrays(results / "as_given_connectivity.safetensors")
    assert {name: array.shape for name, array in given.items()} == {
        f"fold-{k}": (240, 21) for k in range(3)
    }
    assert np.abs(given["fold-0"] - given["fold-1"]).max() > 1e-4
    left = read_table(results / "residualize.tsv").query("figure == 'left' and what == 'sex'")
    assert 0.35 < left["value"].mean() < 0.65


def test_a_forest_is_among_the_probes_unless_it_is_left_out(folder):
    write(folder, forest=True, demographics=["sex"])
    assert deconfound(folder, "as_given") == 0
    audit = read_table(folder / "results" / "people" / "deconfound" / "as_given.tsv")
    forest = audit.query("figure == 'left' and probe == 'forest'")
    assert len(forest) == 3
    assert forest["value"].min() > 0.8


def test_people_are_one_row_each():
    study = VirtualCohort(120, "default", "log", 1)
    responses = study.load("cohort")
    assert responses.data.shape == (120, 4371)
    assert set(responses.trials["participant_id"]) == set(study.people()[0]["participant_id"])
    assert "age" not in responses.trials


def test_the_page_compares_drawn_people_and_checks_counterfactuals(folder):
    methods = {"shrunken": {"kind": "shrunken", "n_factors": 5, "n_components": 0}}
    names = np.load(folder / "x.npz")["participant_id"]
    rng = np.random.default_rng(0)
    courses = rng.normal(size=(len(names), 60, 6)) @ (np.eye(6) + 0.5 * rng.random((6, 6)))
    np.savez(folder / "x.npz", participant_id=names, timeseries=courses)
    write(folder, methods=methods)
    path = folder / "studies" / "people.yaml"
    study = yaml.safe_load(path.read_text())
    study["data"]["connectivity"] = "correlation"
    path.write_text(yaml.safe_dump(study))
    for name in ("shrunken", "as_given"):
        assert deconfound(folder, name) == 0
    audit = read_table(folder / "results" / "people" / "deconfound" / "shrunken.tsv")
    checks = audit.query("figure == 'counterfactual' and probe == 'composition'")
    assert set(checks["what"]) == {"age", "sex", "site"}
    assert checks["value"].max() < 1e-4
    results = folder / "results" / "people" / "deconfound"
    kept = load_arrays(results / "as_given_connectivity.safetensors")["connectivity"]
    who = read_table(results / "as_given_people.tsv")["participant_id"]
    rows = [list(names).index(name) for name in who]
    expected = np.arctanh(np.corrcoef(courses[rows[7]].T)[np.tril_indices(6, -1)])
    assert np.corrcoef(kept[7], expected)[0, 1] > 0.99  # covariances are shrunken
    assert stage(folder, "report") == 0
    page = (folder / "results" / "report" / "index.html").read_text()
    assert page.count("Difference in connectivity, ") == 3
    assert "sex: M minus F" in page
    assert "The same people at other demographics" in page
