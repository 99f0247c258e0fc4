"""Stage ``preprocess`` on the shipped study: what it writes, and what its sidecar says."""

from pathlib import Path

import numpy as np
import pytest

from neurodecode.artifacts import load_responses, read_sidecar
from neurodecode.config import load_study
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, run

CONFIG = Path(__file__).parents[3] / "config" / "config.yaml"


def job(folder, responses, subject="01"):
    study = load_study("haxby2001", CONFIG)
    wildcards = {"responses": responses, "subject": subject}
    return Job("preprocess", study, Paths(folder, study.name), 1, wildcards)


@pytest.mark.parametrize(
    ("responses", "transductive", "n_units"),
    [("blocks", True, 530), ("blocks_causal", False, 530), ("position", False, 8)],
)
def test_one_response_a_block(tmp_path, responses, transductive, n_units):
    work = job(tmp_path, responses)
    assert run(work)
    facts = read_sidecar(work.sidecar).facts
    assert facts["transductive"] is transductive
    assert (facts["n_trials"], facts["n_units"]) == (96, n_units)
    read = load_responses(work.sidecar)
    assert read.data.shape == (96, n_units)
    assert read.transductive is transductive
    assert (read.trials["participant_id"] == "01").all()
    assert (read.trials["stimulus"] == "").all()
    assert np.isfinite(read.data).all()


def test_it_is_reused_while_nothing_changes(tmp_path):
    work = job(tmp_path, "position")
    assert run(work, reuse=True)
    assert not run(work, reuse=True)


def test_an_unknown_subject_leaves_nothing_behind(tmp_path):
    with pytest.raises(ConfigError, match="'07'"):
        run(job(tmp_path, "blocks", "07"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
