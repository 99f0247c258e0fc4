"""The templates of the public data sets, pointed at miniatures of their published trees."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "unit" / "studies"))
import haxby_miniature as haxby
import nsd_miniature as nsd
import things_miniature as things

from neurodecode.artifacts import load_responses, read_table
from neurodecode.cli import main
from neurodecode.config import load_run, load_study
from neurodecode.studies import nsd_files, things_eeg2

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "config.yaml"
TEMPLATES = ("nsd", "things-eeg2", "haxby2001-full", "cc2017")


def run_template(folder, name, **data):
    """Run a template's first system that draws the nearest picture; return its scores."""
    study = yaml.safe_load((ROOT / "config" / "studies" / f"{name}.yaml").read_text())
    study["data"] |= {"root": str(folder / "set"), **data}
    nearest = [s for s in study["systems"] if s["generator"] == "nearest"]
    study["systems"] = [{"role": "system", **nearest[0], "sources": ["decoded"]}]
    study["evaluate"] = {"n_bootstrap": 100, "n_permutations": 100}
    (folder / "config" / "studies").mkdir(parents=True)
    (folder / "config" / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(study))
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"studies": [name]}))
    places = ["--out", str(folder / "r"), "--config", str(folder / "config" / "config.yaml")]
    assert main(["reconstruct", "--study", name, "--subject", "01", *places]) == 0
    table = read_table(folder / "r" / name / "scores" / "sub-01.tsv", text=("subject",))
    return table.set_index(["system", "source", "metric"]).sort_index()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_complete_and_not_run_by_default(name):
    assert load_study(name, CONFIG).name == name
    assert name not in load_run(CONFIG).studies


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_to_download_is_one_message_and_code_2(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    places = ["--out", str(tmp_path / "r"), "--config", str(CONFIG)]
    assert main(["reconstruct", "--study", name, "--subject", "01", *places]) == 2
    said = capsys.readouterr().err
    for word in ("Download:", "Size:", "Terms:", "Cite:"):
        assert word in said
    assert "Traceback" not in said
    assert not [path for path in (tmp_path / "r").rglob("*") if path.is_file()]


def test_nsd(tmp_path, monkeypatch):
    """One session of betas that are linear in coarse pictures is decoded."""
    rng = np.random.default_rng(0)
    ids, shared = nsd.schedule()
    seen = np.unique(ids[:750])
    coarse = {int(k): rng.integers(0, 256, (5, 5, 3), np.uint8) for k in seen}
    nsd.write_tables(tmp_path / "set", ids, shared)
    blocks = {k: np.kron(c, np.ones((4, 4, 1), np.uint8)) for k, c in coarse.items()}
    nsd.write_pictures(tmp_path / "set", blocks, size=20)  # smaller, so that the test is short
    signal = np.stack([coarse[int(k)].reshape(-1) for k in ids[:750]]) / 128.0 - 1
    weights = rng.normal(size=(75, np.prod(nsd.GRID)))

    def betas(session):
        values = signal @ weights * 60 + rng.normal(size=(750, len(weights.T))) * 100
        return values.T.reshape(*nsd.GRID, 750).astype(np.int16)

    nsd.write_betas(tmp_path / "set", 1, hdf5=False, betas=betas)
    monkeypatch.setitem(nsd_files.N_VOXELS, "01", int((nsd.region() > 0).sum()))
    found = run_template(tmp_path, "nsd", sessions=1, picture_size=16)
    score = found.loc["betas-ridge-nearest", "decoded"].loc["two_way_pixcorr"]
    assert score["n"] == len(set(seen.tolist()) & shared)
    assert score["ci_low"] > 0.5
    responses = load_responses(tmp_path / "r/nsd/responses/betas/sub-01.json")
    assert responses.data.shape == (750, (nsd.region() > 0).sum())


def test_things_eeg2(tmp_path, monkeypatch):
    """Raw sessions become whitened epochs, and every test picture is scored."""
    monkeypatch.setattr(things_eeg2, "COUNTS", things.COUNTS)
    things.write_images(tmp_path / "set")
    things.write_raw(tmp_path / "set", every=300)
    found = run_template(tmp_path, "things-eeg2", picture_size=16)
    score = found.loc["epochs-ridge-nearest", "decoded"].loc["two_way_pixcorr"]
    assert score["n"] == things.COUNTS["test"][0]


def test_haxby2001_full(tmp_path):
    """Voxels that prefer a category tell it."""
    haxby.write(tmp_path / "set", (1,))
    found = run_template(tmp_path, "haxby2001-full", subjects=["01"])
    score = found.loc["blocks-ridge-nearest", "decoded"].loc["accuracy_8way"]
    assert score["n"] == 96
    assert score["ci_low"] > 0.5
