"""People whose decoded trials lose what goes with their site: through the real pipeline."""

import warnings

import numpy as np
import pandas as pd
import pytest
import yaml

from neurodecode.artifacts import load_arrays, load_conditions, read_sidecar
from neurodecode.config import StudyConfig, read_settings
from neurodecode.embed.across_people import ONE_PERSON
from neurodecode.errors import DataWarning, NotIdentifiable
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, run, wildcards_of
from neurodecode.report.names import decoder_words
from neurodecode.studies.arrays import Arrays

CHAINS = ("given-ridge", "given-without")
STEP = {"demographics": ["site"], "n_folds": 2,
        "method": {"kind": "residualize", "knots": 0, "variance": False, "minimum": 3}}  # fmt: skip


def study(folder, n_people, **changes):
    """Responses of site b are those of other pictures by a constant: so is what is decoded."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(24, 3))
    weights, offset = rng.normal(size=(3, 12)), rng.normal(size=12)
    for k in range(n_people):
        x = features @ weights + 0.3 * rng.normal(size=(24, 12))
        x[16:] += 2.0 * (k % 2) * offset  # in the tested session alone
        np.savez(folder / f"{k:02d}.npz", x=x, f=features, session=np.repeat(list("abc"), 8),
                 split=np.repeat(["train", "train", "test"], 8))  # fmt: skip
    raw = {
        "name": "people", "title": "People",
        "data": {"kind": "arrays", "simulated": True,
                 "subjects": {f"{k:02d}": str(folder / f"{k:02d}.npz") for k in range(n_people)},
                 "keys": {"responses": "x", "features": "f", "sessions": "session",
                          "split": "split"}},
        "responses": {"given": {"kind": "as_given"}},
        "targets": {"mine": {"kind": "given"}},
        "decoders": {"ridge": {"kind": "ridge", "targets": ["mine"]},
                     "without": {"kind": "ridge", "targets": ["mine"],
                                 "deconfound": {**STEP, **changes}}},
        "design": {"split": {"kind": "trial_set"}, "group": "stimulus"},
        "reconstruct": {"unit": "trial", "choose_by": "mine"},
        "evaluate": {"holdout": {"locked": False}},
        "systems": [{"responses": "given", "decoder": name} for name in ("ridge", "without")],
    }  # fmt: skip
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(raw))
    return read_settings(StudyConfig, path)


class Known(Arrays):
    """Own arrays come without demographics; here people are of site a and b in turn."""

    def demographics(self):
        names = list(self.subjects())
        return pd.DataFrame({"site": np.resize(["a", "b"], len(names))}, index=names)


@pytest.fixture(autouse=True)
def known_people(monkeypatch):
    # A class of its own: that one knows its people is remembered by class.
    monkeypatch.setattr("neurodecode.studies.arrays.Arrays", Known)


def embed(config, results, *chains):
    paths = Paths(results, config.name)
    subjects = Job("design", config, paths, 1).adapter.subjects()
    for stage in ("targets", "preprocess", "design"):
        for wildcards in wildcards_of(stage, config, subjects):
            run(Job(stage, config, paths, 1, wildcards))
    for chain in chains:
        run(Job("embed", config, paths, 1, {"chain": chain}))
    return {
        chain: {s: load_conditions(paths.conditions(chain, s)) for s in subjects}
        for chain in chains
    }


def test_what_goes_with_the_site_goes_and_the_step_is_kept(tmp_path):
    config = study(tmp_path, 14)
    found = embed(config, tmp_path / "results", *CHAINS)
    means = {
        chain: np.stack([c.arrays["mine"].mean(axis=0) for c in people.values()])
        for chain, people in found.items()
    }
    gaps = [np.linalg.norm(m[1::2].mean(axis=0) - m[::2].mean(axis=0)) for m in means.values()]
    assert gaps[0] > 0.5
    assert gaps[1] < 0.2 * gaps[0]
    for plain, without in zip(*(people.values() for people in found.values()), strict=True):
        assert plain.table.equals(without.table)
        # One shift for all trials of a person: what tells pictures apart is as it was.
        shift = without.arrays["mine"] - plain.arrays["mine"]
        np.testing.assert_allclose(shift, np.tile(shift[:1], (len(shift), 1)), atol=1e-5)
    sidecar = Paths(tmp_path / "results", "people").decoders(CHAINS[1])
    kept = [name for name in read_sidecar(sidecar).files if "_people-" in name]
    assert sorted(kept) == [f"{CHAINS[1]}_people-{k}.mine.safetensors" for k in range(2)]
    assert "coef" in load_arrays(sidecar.with_name(kept[0]))


def test_the_page_names_what_was_taken_out(tmp_path):
    config = study(tmp_path, 1)
    assert decoder_words(config, config.systems[1].name).endswith(", without site")
    assert "without" not in decoder_words(config, config.systems[0].name)


def test_a_chain_without_the_step_needs_no_demographics(tmp_path, monkeypatch):
    monkeypatch.setattr("neurodecode.studies.arrays.Arrays", Arrays)
    assert embed(study(tmp_path, 2), tmp_path / "results", CHAINS[0])


def test_too_few_people_are_told_before_any_decoder_is_fitted(tmp_path):
    config = study(tmp_path, 4)
    with pytest.raises(NotIdentifiable, match="demographics: 2 people"):
        embed(config, tmp_path / "results", CHAINS[1])
    assert not list((tmp_path / "results" / "people" / "decoders").rglob("*.safetensors"))


def test_within_one_person_nothing_changes_and_it_is_said(tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DataWarning)
        found = embed(study(tmp_path, 1), tmp_path / "results", *CHAINS)
    assert ONE_PERSON in [str(w.message) for w in told]
    arrays = [people["00"].arrays["mine"] for people in found.values()]
    np.testing.assert_array_equal(*arrays)
