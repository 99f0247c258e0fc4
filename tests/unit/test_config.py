"""YAML files: what is wrong, where, and what would be right."""

from pathlib import Path

import pytest
import yaml

from neurodecode.config import load_run, load_study
from neurodecode.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


@pytest.fixture
def study(tmp_path):
    """Return a function that writes a changed copy of a study and loads it."""
    raw = yaml.safe_load((CONFIG.parent / "studies" / "haxby2001.yaml").read_text())

    def write(change):
        change(raw)
        path = tmp_path / "s.yaml"
        path.write_text(yaml.safe_dump(raw))
        return load_study(str(path), CONFIG)

    return write


@pytest.mark.parametrize("name", load_run(CONFIG).studies)
def test_the_studies_that_ship_are_valid(name):
    study = load_study(name, CONFIG)
    assert study.name == name
    assert any(system.role == "system" for system in study.systems)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(respones={}), "respones: unknown key"),
        (lambda s: s.pop("title"), "title: missing key"),
        (lambda s: s["data"].update(knd=s["data"].pop("kind")), "data: missing key kind, .*knd"),
        (lambda s: s["responses"]["blocks"].update(lag=-1), r"responses\.blocks.*lag.*got -1"),
        (
            lambda s: s["decoders"]["ridge"].update(kind="rigde"),
            r"decoders\.ridge: kind must be one of ridge, shrinkage_lda, got 'rigde'",
        ),
        (lambda s: s["responses"]["blocks"].update(lg=1), r": responses\.blocks\.lg: unknown key"),
        (lambda s: s["decoders"]["ridge"].update(alphas=[-1]), r": decoders\.ridge\.alphas\.0: "),
        (
            lambda s: s.update(
                data={"kind": "arrays", "subjects": {1: "x.npz"}, "keys": {"responses": "x"}}
            ),
            r": data\.subjects\.1.*must be text, got 1: put it in quotes",
        ),
        (
            lambda s: s["systems"][0].update(generator="near"),
            "generator: must be one of .*got 'near'",
        ),
        (lambda s: s["systems"].append(s["systems"][0]), "listed twice"),
        (lambda s: s["decoders"]["ridge"].update(targets=["words"]), "got 'words'"),
        (lambda s: s.update(name="../up"), "name"),
        (lambda s: s["systems"][0].update(sources=["oracle"]), "oracle"),
        (
            lambda s: s["targets"].update(semantic={"kind": "motion"}),
            "must be a target of pictures, got one of kind motion",
        ),
        (
            lambda s: (
                s["evaluate"].update(extractors={"swav": "absent"}),
                s.update(systems=[{"responses": "blocks", "decoder": "lda"}]),
                s.pop("multiverse", None),
            ),
            "evaluate.extractors: score pictures, and no system of this study draws any",
        ),
    ],
)
def test_a_mistake_is_explained(study, change, message):
    with pytest.raises(ConfigError, match=message):
        study(change)


def test_the_source_true_may_be_written_without_quotes(study):
    loaded = study(lambda s: s["systems"][0].update(sources=["decoded", True]))
    assert loaded.systems[0].sources == ("decoded", "true")


def test_a_missing_or_damaged_file(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_run(tmp_path / "config.yaml")
    path = tmp_path / "c.yaml"
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_run(path)
    path.write_text("- a")
    with pytest.raises(ConfigError, match="mapping"):
        load_run(path)


def test_yaml_builds_no_objects(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("studies: !!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match="not readable"):
        load_run(path)


def test_an_unknown_study_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"haxby2001.*got 'haxby'"):
        load_study("haxby", CONFIG)


def test_maps_of_test_trials_are_no_way_past_the_lock(study):
    def mapped(raw):
        raw["searchlights"] = {"map": {"responses": "blocks", "decoder": "lda"}}

    assert study(mapped).searchlights["map"].radius == 10
    with pytest.raises(ConfigError, match="test set is locked"):
        study(lambda raw: raw["evaluate"].update(holdout={"locked": True}))
