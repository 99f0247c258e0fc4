"""A study of kinematics through the whole pipeline: one job, one page, nothing of pictures."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import snakemake

sys.path.append(str(Path(__file__).parents[1] / "unit" / "online"))
import test_offline as small

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("online")
    X, Z = small.moving()
    np.savez(folder / "arm.npz", data=X, sfreq=small.RATE, kinematics=Z)
    config = small.config(folder / "config", folder / "arm.npz")
    done = snakemake(config, folder / "run")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "config" / "results"


def test_only_the_online_job_runs(run):
    found = sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file())
    assert found == sorted([
        *(f"arm/scores/sub-01_online.{ending}" for ending in ("json", "safetensors", "tsv")),
        *(f"arm/scores/sub-01_ledger.{ending}" for ending in ("head", "jsonl")),
        "report/index.html", "report/scores-arm.json", "report/scores-arm.tsv",
    ])  # fmt: skip


def test_the_page_shows_the_movement_and_that_it_is_simulated(run):
    page = (run / "report" / "index.html").read_text()
    assert "Simulated: nobody was recorded." in page
    assert "Kalman filter" in page
    assert len(re.findall(r'<polyline class="way (true|main|reference)"', page)) == 6
    assert "looked at pictures" not in page
    assert "0 s" in page
