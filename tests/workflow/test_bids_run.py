"""The shipped template of a BIDS study, from a data set on disk to scores and a report."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "unit" / "simulate"))
import bids_miniature as miniature

from neurodecode.artifacts import load_arrays, load_responses, read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.errors import DataWarning
from neurodecode.preprocess.hrf import regressors, standard
from neurodecode.simulate.bids import BidsSet, write_dataset
from neurodecode.simulate.bids_fmri import write_derivatives, write_fmri_subject

ROOT = Path(__file__).parents[2]
N_RUNS, TR = 4, miniature.TR


def runs(stimuli, noise):
    """Voxels that are linear in the colours of coarse pixels; every picture once a run."""
    rng = np.random.default_rng(11)
    coarse = stimuli.pixels.reshape(len(stimuli), 4, 16, 4, 16, 3).mean(axis=(2, 4)) / 255
    coarse = coarse.reshape(len(stimuli), -1)
    signal = (coarse - coarse.mean(axis=0)) @ rng.normal(size=(coarse.shape[1], 48))
    betas = 10 + 10 * signal / signal.std(axis=0)
    n_times = int((6 * len(stimuli) + 24) / TR)
    for k in range(N_RUNS):
        order = rng.permutation(len(stimuli))
        table = stimuli.table.iloc[order]
        onsets = 4 + 6.0 * np.arange(len(order))
        events = pd.DataFrame({
            "onset": onsets, "duration": 2.0, "trial_type": table["id"].to_numpy(),
            "category": table["category"].to_numpy(), "set": table["set"].to_numpy(), "repeat": k,
            "trial": [f"run-{k:02d}_{j:03d}" for j in range(len(order))],
        })  # fmt: skip
        courses = regressors(
            standard("spm"), onsets, np.full(len(order), 2.0), np.arange(n_times) * TR
        )
        names = (*miniature.MOTION, "csf", "white_matter", "global_signal")
        confounds = pd.DataFrame({n: rng.normal(scale=0.001, size=n_times) for n in names})
        confounds.loc[20:, "trans_x"] += 1.5  # a jerk
        data = 1000 + courses @ betas[order] + noise * rng.normal(size=(n_times, 48))
        yield miniature.Run(str(k // 2 + 1), k, data.astype(np.float32), events, confounds)


def write(root, *, subjects, noise):
    stimuli = miniature.pictures(n_train=60, n_test=20)
    dataset = BidsSet(root, "Miniature", "A test.", miniature.people(subjects), stimuli, "abc")
    write_dataset(dataset)
    write_derivatives(dataset)
    for name in dataset.people["participant_id"]:
        write_fmri_subject(dataset, name, runs(stimuli, noise), miniature.grid(), TR)


def template(**data):
    study = yaml.safe_load((ROOT / "config/studies/bids-fmri.yaml").read_text())
    study["data"] |= {"root": "set", "simulated": True, **data}
    study["evaluate"] = {"n_bootstrap": 200, "n_permutations": 500}
    return study


def write_config(folder, study):
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "config/studies/bids-fmri.yaml").write_text(yaml.safe_dump(study))
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"studies": ["bids-fmri"]}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bids")
    write(folder / "set", subjects=1, noise=4.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_config(folder, template())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # a jerk a run is scrubbed
            assert main(["reconstruct", "--study", "bids-fmri", "--subject", "01"]) == 0
        assert main(["stage", "report"]) == 0
    return folder


def test_what_was_seen_is_decoded(finished):
    table = read_table(finished / "results/bids-fmri/scores/sub-01.tsv", text=("subject",))
    found = table.set_index(["system", "source", "metric"]).sort_index()
    for responses in ("library", "lss"):
        ours = found.loc[f"{responses}-ridge-nearest", "decoded"]
        assert ours.loc["two_way_pixcorr", "n"] == 20
        assert ours.loc["retrieval_top1", "value"] > 3 * ours.loc["retrieval_top1", "chance"]
    linear = found.loc["library-ridge-linear_pixels", "decoded"]
    assert linear.loc["two_way_pixcorr", "ci_low"] > 0.5
    permuted = found.loc["library-ridge-nearest", "permuted"].loc["two_way_pixcorr"]
    assert permuted["ci_low"] < 0.5 < permuted["ci_high"]


def test_responses_say_what_they_are(finished):
    sidecar = finished / "results/bids-fmri/responses/library/sub-01.json"
    responses = load_responses(sidecar)
    assert responses.transductive
    assert responses.data.shape == (N_RUNS * 80, 48)
    assert {"hrf", "fraction"} <= set(responses.units)
    trials = responses.trials.astype({"session": str})
    assert trials.groupby("session")["run"].unique().map(list).to_dict() == {
        "1": [0, 1], "2": [2, 3]
    }  # fmt: skip
    inputs = {Path(name).name for name in read_sidecar(sidecar).inputs}
    assert "sub-01_ses-1_task-pictures_run-01_desc-confounds_timeseries.tsv" in inputs


def test_the_report_says_that_nobody_was_recorded(finished):
    page = (finished / "results/report/index.html").read_text(encoding="utf-8")
    assert "Miniature" in page
    assert "Simulated" in page


def eeg_pictures():
    """EEG epochs, whitened by the noise of training trials; pixels are decoded."""
    study = template()
    return {
        **study, "name": "bids-fmri",
        "data": {"kind": "bids", "root": "eeg", "datatype": "eeg", "task": "pictures",
                 "set_column": "set", "simulated": True, "subjects": ["01"]},
        "responses": {"epochs": {"kind": "epochs", "start": -0.1, "stop": 0.4, "rate": 50,
                                 "band": [0.5, 20], "baseline": [-0.1, 0]}},
        "targets": {"pixels": {"kind": "pixels", "size": 8}},
        "decoders": {"ridge": {"kind": "ridge", "targets": ["pixels"],
                               "noise_normalisation": True}},
        "generators": {"nearest": {"kind": "retrieval", "by": "pixels"}},
        "reconstruct": {"unit": "stimulus", "n_samples": 1, "choose_by": "pixels"},
        "systems": [{"responses": "epochs", "decoder": "ridge", "generator": "nearest",
                     "sources": ["decoded", "true"]}],
    }  # fmt: skip


def test_eeg_goes_the_same_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = miniature.write_eeg(tmp_path / "eeg", train_repeats=4)
    write_config(tmp_path, eeg_pictures())
    assert main(["reconstruct", "--study", "bids-fmri", "--subject", "01"]) == 0
    responses = load_responses(tmp_path / "results/bids-fmri/responses/epochs/sub-01.json")
    n_times = responses.units["time"].nunique()
    assert responses.data.shape[1] == responses.units["channel"].nunique() * n_times
    table = read_table(tmp_path / "results/bids-fmri/scores/sub-01.tsv", text=("subject",))
    n_test = int((dataset.stimuli.table["set"] == "test").sum())
    found = table.set_index(["source", "metric"])["n"]
    assert found["decoded", "two_way_pixcorr"] == n_test
    states = [p for p in (tmp_path / "results").rglob("*.safetensors") if "fold-test" in str(p)]
    learned = {name for path in states for name in load_arrays(path)}
    assert {"whitener.1", "whitener.2", "whitener.*"} <= learned
    scores = tmp_path / "results/bids-fmri/scores"
    along = read_table(scores / "sub-01_over_time.tsv")
    assert set(along["metric"]) == {"two_way_identification"}
    assert along["time"].is_monotonic_increasing
    assert (along["n"] == n_test).all()
    across = read_table(scores / "sub-01_generalisation.tsv")
    own = across[across["time_train"] == across["time_test"]]
    np.testing.assert_allclose(own["value"], along["value"])
    assert main(["stage", "report"]) == 0
    page = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert "When it can be decoded" in page
    assert "Mean response" in page


@pytest.mark.filterwarnings("ignore:.*channels were found bad:neurodecode.errors.DataWarning")
def test_the_eeg_template_says_when_kinds_of_things_are_decoded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    miniature.write_eeg(tmp_path / "eeg", train_repeats=4)
    for path in (tmp_path / "eeg").rglob("*_events.tsv"):
        table = pd.read_csv(path, sep="\t")
        kind = np.where(table["stimulus"].rank(method="dense") % 2, "odd", "even")
        table.assign(trial_type=kind).to_csv(path, sep="\t", index=False)
    study = yaml.safe_load((ROOT / "config/studies/bids-eeg.yaml").read_text())
    study["data"] |= {"root": "eeg", "simulated": True, "subjects": ["01"]}
    study["responses"]["epochs"] |= {"stop": 0.3, "band": [0.5, 20], "rate": 40,
                                     "autoreject": False}  # fmt: skip
    study["decoders"]["lda"] |= {"alignment": True}
    study["evaluate"] = {"n_bootstrap": 200, "n_permutations": 500,
                         "over_time": {"step": 0.1, "n_permutations": 100}}  # fmt: skip
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "config/studies/bids-eeg.yaml").write_text(yaml.safe_dump(study))
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump({"studies": ["bids-eeg"]}))
    assert main(["reconstruct", "--study", "bids-eeg", "--subject", "01"]) == 0
    along = read_table(tmp_path / "results/bids-eeg/scores/sub-01_over_time.tsv")
    assert len(along) == 5
    assert along["metric"].str.fullmatch(r"accuracy_\d+way").all()
    fitted = load_arrays(
        tmp_path / "results/bids-eeg/decoders/epochs-lda/fold-1/sub-01.safetensors"
    )
    assert "aligner.2" in fitted
    assert "aligner.1" not in fitted  # the tested session
    assert main(["stage", "report"]) == 0
    page = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert "Subject 01, balanced accuracy of 2 classes over time" in page
    assert "Channels found bad" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"root": "elsewhere"}, "elsewhere: no such folder"),
        ({"task": "rest"}, "no bold recording of task-rest"),
        ({"set_column": "use"}, "column(s) use missing"),
        ({"subjects": ["07"]}, "07 have no func recording"),
    ],
)
def test_a_mistake_is_one_message_and_code_2(
    finished, tmp_path, monkeypatch, capsys, change, message
):
    monkeypatch.chdir(finished)
    write_config(tmp_path, template(**change))
    places = ["--out", str(tmp_path / "r"), "--config", str(tmp_path / "config/config.yaml")]
    code = main(["reconstruct", "--study", "bids-fmri", "--subject", "01", *places])
    assert code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
