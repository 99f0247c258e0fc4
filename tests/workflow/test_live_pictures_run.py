"""Live pictures end to end: a simulated EEG, trained, replayed, cut on markers, decoded, drawn."""

import re
import warnings
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
import yaml

from neurodecode.artifacts import load_conditions, write_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.models.diffusion import load_generator
from neurodecode.online import live_pictures
from neurodecode.online.clock import VirtualClock
from neurodecode.online.live_pictures import PictureSession, known_score
from neurodecode.online.picture_decoder import PictureDecoder
from neurodecode.online.replay import Replay
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, run
from neurodecode.simulate.written import Cohort, write_cohort

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
STAGES = (
    ("targets", {"target": "semantic"}), ("preprocess", {"responses": "epochs", "subject": "01"}),
    ("design", {}), ("embed", {"chain": "epochs-ridge"}),
)  # fmt: skip


def write_config(folder, **epochs):
    study = yaml.safe_load((ROOT / "config/studies/virtual-eeg-live.yaml").read_text())
    study["data"]["root"] = str(folder / "set")
    study["responses"]["epochs"] |= epochs
    study["name"] = "live"
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / "live.yaml").write_text(yaml.safe_dump(study))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"studies": ["live"], "results": str(folder / "results")}))
    return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of a study whose decoder was fitted on one simulated person."""
    folder = tmp_path_factory.mktemp("live")
    cohort = Cohort(folder / "set", "eeg", "easy", n_subjects=1, n_train=24, n_test=6)
    write_cohort(cohort, 1, lambda: None)
    study = load_study("live", write_config(folder))
    for stage, wildcards in STAGES:
        run(Job(stage, study, Paths(folder / "results", "live"), 1, wildcards))
    return folder


def header(folder, session=1):
    return folder / f"set/sub-01/ses-{session}/eeg/sub-01_ses-{session}_task-pictures_eeg.vhdr"


def session(folder, recording):
    paths = Paths(folder / "results", "live")
    study, clock = load_study("live", folder / "config.yaml"), VirtualClock()
    decoder = PictureDecoder(study, paths, "01", 1, 2)
    return PictureSession(Replay(recording, clock), decoder, clock)


def test_live_embeddings_are_the_offline_ones_of_the_same_trials(trained):
    conditions = load_conditions(
        Paths(trained / "results", "live").conditions("epochs-ridge", "01")
    )
    stimuli, live = [], []
    for number in (1, 2):
        found = session(trained, header(trained, number))
        for decoded in (d for turn in found.decoded() for d in turn):
            stimuli.append(decoded.stimulus)
            live.append(decoded.embedding[0])
        assert found.counts.cut == found.counts.markers == 12
        assert found.trained == 24
    assert stimuli == conditions.table["stimulus"].tolist()
    np.testing.assert_allclose(live, conditions.arrays["semantic"], atol=1e-5)


def test_a_fif_with_a_stimulus_channel_gives_the_same(trained, tmp_path):
    raw = mne.io.read_raw(header(trained), preload=True, verbose="error")
    events, _ = mne.events_from_annotations(
        raw, lambda text: int(text.split("S")[-1]) if "Stimulus" in text else None, verbose="error"
    )
    stim = mne.io.RawArray(
        np.zeros((1, len(raw.times))), mne.create_info(["STI"], raw.info["sfreq"], "stim"),
        verbose="error",
    )  # fmt: skip
    raw.set_annotations(None).add_channels([stim], force_update_info=True)
    raw.add_events(events, "STI")
    path = tmp_path / "copy_raw.fif"
    raw.save(path, verbose="error")
    both = []
    for recording in (header(trained), path):
        found = [d for turn in session(trained, recording).decoded() for d in turn]
        both.append(found)
    assert [d.stimulus for d in both[0]] == [d.stimulus for d in both[1]]
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-4)


def test_pictures_are_drawn_and_all_is_accounted_for(trained, monkeypatch, capsys):
    monkeypatch.setattr(live_pictures, "RealClock", VirtualClock)
    arguments = ["--study", "live", "--subject", "01", "--config", str(trained / "config.yaml")]
    source = ["--source", f"replay:{header(trained)}", "--steps", "2", "--seconds", "12"]
    assert main(["stream", "--decoder", "image", *arguments, *source]) == 0
    shown = capsys.readouterr().out
    drawn = int(re.search(r"^pictures +(\d+) drawn, 0 skipped", shown, re.MULTILINE)[1])
    assert drawn >= 2
    assert f"epochs                    {drawn} decoded, 0 broken, 0 rejected" in shown
    assert "of trained ones, 0 of none" in shown
    assert "Not scored yet: run neurodecode reconstruct" in shown


def test_a_score_of_the_study_is_told_beside_the_pictures(tmp_path):
    paths = Paths(tmp_path, "live")
    row = {"system": "s", "source": "decoded", "metric": "retrieval_two_way", "value": 0.512,
           "ci_low": 0.4, "ci_high": 0.62, "chance": 0.5}  # fmt: skip
    write_table(paths.scores("01").with_suffix(".tsv"), pd.DataFrame([row]))
    assert "in 0.51 of pairs (0.40 to 0.62, chance 0.5)" in known_score(paths, "s", "01")
    assert "no two-way identification" in known_score(paths, "other", "01")


def test_where_drawing_is_slow_the_newest_is_drawn_and_the_others_counted(trained):
    live = session(trained, header(trained))
    found = [d for turn in live.decoded() for d in turn][:3]
    generator = load_generator()
    drawn = live.draw(found, generator)
    assert drawn.stimulus == found[-1].stimulus
    assert live.skipped == 2
    assert drawn.picture.shape == drawn.seen.shape == (64, 64, 3)
    again = session(trained, header(trained)).draw(found, generator)
    np.testing.assert_array_equal(again.picture, drawn.picture)


@pytest.mark.parametrize(
    ("change", "source", "message"),
    [
        ({"causal": False}, "replay:{}", "must be of kind epochs with causal: true"),
        ({}, "replay:none.vhdr", "none.vhdr: no such file"),
        ({}, "serial:x", "source must be one of lsl:NAME"),
        ({}, "replay:flint2012", "must be below half the stream's rate (5 Hz)"),
    ],
)
def test_a_mistake_is_one_message(change, source, message, trained, tmp_path, capsys):
    (tmp_path / "set").symlink_to(trained / "set")
    (tmp_path / "results").symlink_to(trained / "results")
    config = write_config(tmp_path, **change)
    arguments = ["--study", "live", "--subject", "01", "--config", str(config)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = main(
            ["stream", "--decoder", "image", *arguments, "--source", source.format(header(trained))]
        )
    assert code == 2
    assert message in capsys.readouterr().err
