"""Clips through the whole pipeline: motion is decoded, and what stands still has none."""

import re

import numpy as np
import pytest
import yaml
from conftest import ROOT

from neurodecode.artifacts import load_reconstruction, read_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.report.stage import write_report

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    study = yaml.safe_load((ROOT / "config/studies/virtual-clips.yaml").read_text())
    study["data"] |= {"preset": "easy", "n_subjects": 1, "n_train": 12, "n_test": 12,
                      "n_voxels": 300}  # fmt: skip
    study["generators"]["still"] |= {"steps": 2}
    study["reconstruct"]["n_samples"] = 2
    study["evaluate"] |= {"n_bootstrap": 200, "n_permutations": 200}
    study["systems"] = [
        {"responses": "single", "decoder": "ridge", "generator": name, "role": role,
         "sources": ["decoded"]}
        for name, role in (("nearest_clip", "system"), ("still", "baseline"))
    ]  # fmt: skip
    study["name"] = "moving"
    (folder / "studies").mkdir()
    (folder / "studies" / "moving.yaml").write_text(yaml.safe_dump(study))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"studies": ["moving"], "seed": 3}))
    places = ["--out", str(folder / "results"), "--config", str(config)]
    assert main(["reconstruct", "--study", "moving", "--subject", "01", *places]) == 0
    write_report([load_study("moving", config)], folder / "results", 3)
    return folder / "results"


def test_motion_is_decoded_and_stills_have_none(run):
    table = read_table(run / "moving/scores/sub-01.tsv", text=("subject",))
    rows = table.set_index(["system", "source", "metric"])["value"]
    for metric in ("two_way_motion", "two_way_reversed"):
        assert rows["single-ridge-nearest_clip", "decoded", metric] > 0.65
        assert rows["single-ridge-still", "decoded", metric] == 0.5
    assert rows["single-ridge-still", "decoded", "clip_pcc"] == 1
    wanted = {"frame_ssim", "frame_psnr", "motion_epe", "two_way_frames_semantic",
              "two_way_clip_independent", "classified_50way_frames",
              "classified_50way_clip_of_top3", "retrieval_two_way_motion",
              "retrieval_reversed", "two_way_semantic"}  # fmt: skip
    assert wanted <= set(table["metric"])
    known = table[table["metric"].isin(wanted)]
    assert known[["ci_low", "ci_high", "chance", "p"]].notna().all(axis=None)
    assert set(known["n"]) == {12}


def test_clips_are_drawn_and_shown(run):
    drawn = load_reconstruction(
        run / "moving/pictures/single-ridge-nearest_clip/decoded/sub-01.json"
    )
    assert drawn.samples.shape == (12, 1, 16, 64, 64, 3)
    still = load_reconstruction(run / "moving/pictures/single-ridge-still/decoded/sub-01.json")
    assert still.samples.shape == (12, 2, 1, 64, 64, 3)
    assert np.isfinite(still.gates["agreement"]).all()
    page = (run / "report" / "index.html").read_text()
    assert "four frames of one clip" in page
    assert "Diffusion generator, held still" in page
    assert len(re.findall(r"Forwards or backwards", page)) > 1
    assert len(page) < 8e6
