"""Leakage proof: poison the test rows on disk, run each stage again, compare files byte by byte.

Stages are taken from the table, so a new one is covered without anyone remembering.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from haxby_corner import N_UNITS, corner

from neurodecode.artifacts import (
    commit,
    hash_file,
    load_conditions,
    load_responses,
    load_targets,
    read_sidecar,
    read_table,
    save_responses,
    save_targets,
    write_table,
)
from neurodecode.config import StudyConfig, load_study
from neurodecode.contracts import Responses, Targets
from neurodecode.embed import searchlight as searchlight_stage
from neurodecode.embed import stage as embed_stage
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.settings import EncoderSettings, SearchlightSettings
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, run, wildcards_of
from neurodecode.reconstruct import stage as reconstruct_stage

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
# What sees no label and no fold, and what scores; all other stages must not see a test row.
EXEMPT = ("targets", "preprocess", "design", "evaluate", "specify")
ENCODER = EncoderSettings(
    kind="banded_ridge", responses="single", bands=("semantic", "pixels"), alphas=(1.0, 100.0),
    n_mixtures=2, n_permutations=100,
)  # fmt: skip
SEARCHLIGHT = SearchlightSettings(
    responses="blocks", decoder="ridge_small", radius=6.0, n_permutations=100
)
CHECKED = [name for name in STAGES if name not in EXEMPT]
# Studies of people and of streams have proofs of their own, in their rooms.
ELSEWHERE = ("deconfound", "online")


def by_stimulus() -> StudyConfig:
    """Simulated brains; diffusion, of whose samples one is chosen; an encoding model.

    The decoder chooses its units by repeats of its training trials.
    """
    study = load_study("virtual-min", CONFIG)
    small = {"n_subjects": 1, "n_voxels": 150, "n_train": 40, "n_test": 10}
    embedded = study.generators["embedded"].model_copy(update={"steps": 2})
    return study.model_copy(
        update={
            "data": study.data.model_copy(update=small),
            "generators": {**study.generators, "embedded": embedded},
            "reconstruct": study.reconstruct.model_copy(update={"n_samples": 2}),
            "systems": study.systems[:3],
            "encoders": {"bands": ENCODER},
            "decoders": {
                "ridge": study.decoders["ridge"].model_copy(update={"min_reliability": 0.05})
            },
        }
    )


def by_run(folder: Path) -> StudyConfig:
    """Haxby: every trial is tested in one fold and trains the others; labels and prototypes.

    One of the decoders whitens by the noise of its training trials; a searchlight. ``folder`` holds
    the corner of the slice.
    """
    study = load_study("haxby2001", CONFIG)
    wanted = ("blocks-ridge-nearest", "blocks-lda-nearest")
    whitening = study.decoders["lda"].model_copy(update={"noise_normalisation": True})
    return study.model_copy(
        update={
            "data": study.data.model_copy(update={"folder": str(folder / "corner")}),
            "systems": tuple(s for s in study.systems if s.name in wanted),
            "decoders": {**study.decoders, "lda": whitening},
            "searchlights": {"ball": SEARCHLIGHT},
        }
    )


def jobs(study: StudyConfig, results: Path, stage: str) -> list[Job]:
    """All jobs of a stage that may not look at the truth (the ceiling draws from it)."""
    subjects = Job("design", study, Paths(results, study.name), 1).adapter.subjects()
    return [
        Job(stage, study, Paths(results, study.name), 1, wildcards)
        for wildcards in wildcards_of(stage, study, subjects)
        if wildcards.get("source") != "true"
    ]


def finish(study: StudyConfig, results: Path) -> Path:
    for stage in STAGES:
        if stage not in ("evaluate", "specify"):
            for job in jobs(study, results, stage):
                run(job)
    return results


@pytest.fixture(scope="module")
def stimulus_world(tmp_path_factory):
    return finish(by_stimulus(), tmp_path_factory.mktemp("stimulus"))


@pytest.fixture(scope="module")
def run_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    corner(folder / "corner")
    return finish(by_run(folder), folder)


def again(sidecar: Path, files: list[Path], facts: dict) -> None:
    old = read_sidecar(sidecar)
    commit(sidecar, old.stage, settings=old.settings, seed=old.seed, inputs={}, files=files,
           facts=facts)  # fmt: skip


def poison_responses(study: StudyConfig, paths: Paths, fold: str) -> None:
    """Replace the fold's test rows by values that no training row has."""
    design = load_design(paths)
    tested = set(design["trial"][(design["fold"] == fold) & (design["role"] == "test")])
    assert tested
    for name in study.used_responses:
        for subject in Job("design", study, paths, 1).adapter.subjects():
            sidecar = paths.responses(name, subject)
            old = load_responses(sidecar)
            data = old.data.copy()
            rows = old.trials["trial"].isin(tested).to_numpy()
            data[rows] = 100 + np.random.default_rng(0).normal(size=data[rows].shape)
            new = Responses(data, old.trials, old.units, old.transductive)
            again(sidecar, save_responses(sidecar, new), read_sidecar(sidecar).facts)


def poison_targets(study: StudyConfig, paths: Paths) -> None:
    """Replace the features of the scored pictures."""
    stimuli = Job("design", study, paths, 1).adapter.stimuli().table
    scored = set(stimuli["id"][stimuli["set"] == "test"])
    assert scored
    for name in {t for s in study.systems for t in study.used_targets(s)}:
        sidecar = paths.targets(name)
        old = load_targets(sidecar)
        values = old.values.copy()
        rows = np.array([i in scored for i in old.ids])
        values[rows] = np.random.default_rng(1).normal(size=values[rows].shape)
        again(sidecar, *save_targets(sidecar, Targets(old.ids, values, old.shape, old.extractor)))


def written(root: Path) -> dict[str, str]:
    """Hash of each file; a sidecar holds its inputs' hashes, so it changes with them."""
    return {
        path.relative_to(root).as_posix(): hash_file(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".json"
    }


def changed(study: StudyConfig, clean: Path, folder: Path, stage: str, poison) -> set[str]:
    """Files of a stage that come out different where its inputs' test rows are poisoned."""
    results = folder / "results"
    shutil.copytree(clean, results)
    root = results / study.name
    before = written(root)
    poison(study, Paths(results, study.name))
    inputs = {name for name, found in written(root).items() if before[name] != found}
    assert inputs, "the poison changed nothing"
    for job in jobs(study, results, stage):
        run(job)
    after = written(root)
    assert after.keys() == before.keys()
    return {name for name in before if before[name] != after[name]} - inputs


def fitted(files: set[str], fold: str) -> set[str]:
    """Of changed files, those that must not: all but what was decoded or scored by poisoned rows.

    With several folds, a test row of one trains the others: only the fold's own files count.
    """
    answers = {
        f for f in files if f.startswith("conditions/") or f.endswith("_decoded.safetensors")
    } | scored(files)
    other = {f for f in files if "/fold-" in f and f"/fold-{fold}/" not in f}
    return files - answers - other


def scored(files: set[str]) -> set[str]:
    """Accuracy of encoding models, which must follow what is scored."""
    return {f for f in files if f.startswith("encoding/") and f.endswith("_units.tsv")}


def test_every_stage_has_a_job_that_is_poisoned(stimulus_world, run_world):
    for stage in CHECKED:
        found = [*jobs(by_stimulus(), stimulus_world, stage),
                 *jobs(by_run(run_world), run_world, stage)]  # fmt: skip
        assert bool(found) == (stage not in ELSEWHERE), stage


@pytest.mark.parametrize("stage", CHECKED)
def test_features_of_scored_pictures_reach_nothing(stage, stimulus_world, tmp_path):
    files = changed(by_stimulus(), stimulus_world, tmp_path, stage, poison_targets)
    assert files == scored(files)
    assert bool(files) == (stage == "encode")


@pytest.mark.parametrize("stage", CHECKED)
def test_features_of_scored_pictures_reach_nothing_in_a_label_study(stage, run_world, tmp_path):
    assert changed(by_run(run_world), run_world, tmp_path, stage, poison_targets) == set()


@pytest.mark.parametrize("stage", CHECKED)
def test_test_responses_are_decoded_and_fit_nothing(stage, stimulus_world, tmp_path):
    def poison(study, paths):
        poison_responses(study, paths, "test")

    files = changed(by_stimulus(), stimulus_world, tmp_path, stage, poison)
    assert fitted(files, "test") == set()
    # What is decoded, and how well is predicted, did change: the poison works.
    assert bool(files) == (stage in ("embed", "encode"))


@pytest.mark.parametrize("fold", [0, -1])
def test_no_fold_is_fitted_on_its_own_test_run(fold, run_world, tmp_path):
    study = by_run(run_world)
    name = fold_names(load_design(Paths(run_world, study.name)))[fold]

    def poison(study, paths):
        poison_responses(study, paths, name)

    files = changed(study, run_world, tmp_path, "embed", poison)
    assert fitted(files, name) == set()
    assert any(f"/fold-{name}/" in f and f.endswith("_decoded.safetensors") for f in files)


def test_a_planted_scaler_over_all_trials_is_caught(stimulus_world, tmp_path, monkeypatch):
    honest = embed_stage.load_responses

    def scaled(sidecar):
        found = honest(sidecar)
        data = (found.data - found.data.mean(axis=0)) / found.data.std(axis=0)
        return Responses(data, found.trials, found.units, found.transductive)

    monkeypatch.setattr(embed_stage, "load_responses", scaled)
    study = by_stimulus()
    leaky = finish(study, tmp_path / "leaky")

    def poison(study, paths):
        poison_responses(study, paths, "test")

    files = changed(study, leaky, tmp_path, "embed", poison)
    assert any("/fold-test/" in name for name in fitted(files, "test"))


def test_a_planted_choice_by_the_truth_is_caught(stimulus_world, tmp_path, monkeypatch):
    study = by_stimulus()

    def oracle(results):
        paths = Paths(results, study.name)

        def agreement(samples, decoded, embed, mean):
            targets = load_targets(paths.targets("semantic"))
            table = load_conditions(paths.conditions("single-ridge", "01")).table
            names = list(dict.fromkeys(table["stimulus"]))
            truth = targets.values[[targets.ids.index(name) for name in names]]
            return honest(samples, truth, embed, mean)

        return agreement

    honest = reconstruct_stage.agreement
    leaky = tmp_path / "leaky"
    shutil.copytree(stimulus_world, leaky)
    monkeypatch.setattr(reconstruct_stage, "agreement", oracle(leaky))
    for job in jobs(study, leaky, "reconstruct"):
        run(job)
    monkeypatch.setattr(reconstruct_stage, "agreement", oracle(tmp_path / "results"))
    files = changed(study, leaky, tmp_path, "reconstruct", poison_targets)
    assert any(name.startswith("pictures/single-ridge-embedded/") for name in files)


def searched(study: StudyConfig, results: Path) -> np.ndarray:
    """Run the searchlight; returns how many trials each neighbourhood names rightly."""
    (job,) = jobs(study, results, "searchlight")
    run(job)
    accuracy = read_table(job.sidecar.with_name("sub-01_units.tsv"))["accuracy"].to_numpy()
    return accuracy * read_sidecar(job.sidecar).facts["n_trials"]


def poison_trials(study: StudyConfig, results: Path, role: str) -> None:
    """Replace the first trial of a role in the one fold there is."""
    paths = Paths(results, study.name)
    design = load_design(paths)
    first = design[design["role"] == role]["trial"].iloc[0]
    sidecar = paths.responses("blocks", "01")
    old = load_responses(sidecar)
    data = old.data.copy()
    data[(old.trials["trial"] == first).to_numpy()] = 100
    new = Responses(data, old.trials, old.units, old.transductive)
    again(sidecar, save_responses(sidecar, new), read_sidecar(sidecar).facts)


def moved(clean: Path, folder: Path, role: str) -> int:
    """Most trials that a neighbourhood of one fold gains or loses by poison in one trial."""
    study = by_run(clean)
    results = folder / f"of-{role}"
    shutil.copytree(clean, results)
    paths = Paths(results, study.name)
    design = load_design(paths)
    file = paths.design().with_suffix(".tsv")
    write_table(file, design[design["fold"] == fold_names(design)[0]])
    again(paths.design(), [file], read_sidecar(paths.design()).facts)
    before = searched(study, results)
    poison_trials(study, results, role)
    after = searched(study, results)
    assert len(before) == N_UNITS
    return round(np.abs(after - before).max())


def test_a_neighbourhood_is_not_fitted_on_what_it_is_tested_on(run_world, tmp_path):
    """One test trial may change its own answer alone; a training trial changes more."""
    assert moved(run_world, tmp_path, "test") <= 1
    assert moved(run_world, tmp_path, "train") > 1


def test_a_searchlight_that_trains_on_its_test_trials_is_caught(run_world, tmp_path, monkeypatch):
    honest = searchlight_stage._folds

    def leaky(design, trials, subject):
        folds = honest(design, trials, subject)
        return [replace(fold, train=fold.train | fold.test) for fold in folds]

    monkeypatch.setattr(searchlight_stage, "_folds", leaky)
    assert moved(run_world, tmp_path, "test") > 1
