"""Encoding models and a searchlight through the whole way: a corner of the real slice."""

import numpy as np
import pytest
import yaml
from conftest import ROOT
from haxby_corner import N_UNITS, corner

from neurodecode.artifacts import read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.embed.encode import load_encoding_model

pytestmark = pytest.mark.timeout(120)


def study():
    plain = yaml.safe_load((ROOT / "config/studies/haxby2001.yaml").read_text())
    return plain | {
        "data": {"kind": "haxby2001", "folder": "corner"},
        "targets": {"pixels": {"kind": "pixels", "size": 4},
                    "edges": {"kind": "gabor", "cells": 2}},
        "decoders": {"lda": {"kind": "shrinkage_lda", "targets": []}},
        "generators": {},
        "reconstruct": {"unit": "trial", "choose_by": "pixels"},
        "evaluate": {"n_bootstrap": 100, "n_permutations": 100},
        "systems": [{"responses": "blocks", "decoder": "lda"}],
        "multiverse": None,
        "encoders": {"bands": {"kind": "banded_ridge", "responses": "blocks",
                               "bands": ["pixels", "edges"], "n_permutations": 200}},
        "searchlights": {"ball": {"responses": "blocks", "decoder": "lda", "radius": 6.0,
                                  "n_permutations": 200}},
    }  # fmt: skip


def write(folder, content):
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "config/studies/haxby2001.yaml").write_text(yaml.safe_dump(content))
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"studies": ["haxby2001"]}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    corner(folder / "corner")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(folder, study())
        assert main(["reconstruct", "--study", "haxby2001", "--subject", "01"]) == 0
        assert main(["stage", "report"]) == 0
    return folder


def test_every_unit_has_its_accuracy_and_every_fold_its_model(finished):
    encoding = finished / "results/haxby2001/encoding/bands"
    units = read_table(encoding / "sub-01_units.tsv", text=("unit", "roi"))
    assert len(units) == N_UNITS
    assert units["r"].max() > 0.4
    assert (units["q"] < 0.05).any()
    np.testing.assert_allclose(units["share_pixels"] + units["share_edges"], units["r2"], atol=1e-5)
    facts = read_sidecar(encoding / "sub-01.json").facts
    assert (facts["n_items"], facts["n_folds"]) == (96, 12)
    models = [load_encoding_model(encoding / f"fold-{k}" / "sub-01.json") for k in range(12)]
    assert {model.bands for model in models} == {("pixels", "edges")}
    assert models[0].covariance().shape == (N_UNITS, N_UNITS)


def test_a_searchlight_is_scored_on_every_block(finished):
    path = finished / "results/haxby2001/searchlight/ball/sub-01"
    units = read_table(path.with_name("sub-01_units.tsv"), text=("unit", "roi"))
    assert units["n_near"].between(2, N_UNITS - 1).all()
    assert units["accuracy"].max() > 0.25
    assert np.allclose(units["accuracy"] * 96 % 1, 0, atol=1e-6)
    assert read_sidecar(path.with_suffix(".json")).facts["n_trials"] == 96


def test_the_page_shows_the_maps_and_the_recording(finished):
    page = (finished / "results/report/index.html").read_text(encoding="utf-8")
    for words in ("Where in the brain", "Encoding model bands", "Searchlight ball",
                  "Slices of the brain", "temporal SNR", "DVARS"):  # fmt: skip
        assert words in page


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"encoders": {"x": {"kind": "banded_ridge", "responses": "blocks", "bands": ["sounds"]}}},
         "encoders.x.bands: must be one of edges, pixels, got 'sounds'"),
        ({"encoders": {"x": {"kind": "banded_ridge", "responses": "blocks",
                             "bands": ["pixels", "pixels"]}}}, "each band once"),
        ({"searchlights": {"x": {"responses": "position", "decoder": "lda"}}},
         "the units' table has no x, y, z"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message_and_code_2(finished, tmp_path, monkeypatch, capsys, section,
                                             message):  # fmt: skip
    monkeypatch.chdir(finished)
    write(tmp_path, study() | {"encoders": {}, "searchlights": {}} | section)
    places = ["--out", str(tmp_path / "r"), "--config", str(tmp_path / "config/config.yaml")]
    assert main(["reconstruct", "--study", "haxby2001", "--subject", "01", *places]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
