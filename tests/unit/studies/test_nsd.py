"""The Natural Scenes Dataset: a miniature of its published tree, and every way in which it lies."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

sys.path.append(str(Path(__file__).parent))
import nsd_miniature as miniature

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.registry import make
from neurodecode.studies import nsd_files
from neurodecode.studies.nsd_files import Tree, read_shared, read_trials
from neurodecode.studies.public_settings import NsdSettings


@pytest.fixture(scope="module")
def drawn():
    return miniature.schedule()


@pytest.fixture(scope="module")
def written(drawn, tmp_path_factory):
    """Tables of all sessions, betas of two."""
    root = tmp_path_factory.mktemp("nsd")
    ids, shared = drawn
    miniature.write_tables(root, ids, shared)
    miniature.write_betas(root, 2, hdf5=False)
    picture = np.zeros((425, 425, 3), np.uint8)
    picture[:, :212] = (250, 10, 20)
    miniature.write_pictures(root, {int(ids[3]): picture})
    return root


@pytest.fixture(autouse=True)
def few_voxels(monkeypatch):
    n = int((miniature.region() > 0).sum())
    monkeypatch.setitem(nsd_files.N_VOXELS, "01", n)


def study(root, **more):
    settings = NsdSettings.model_validate({"kind": "nsd", "root": str(root), **more})
    return make("study", settings)


def copy_tables(root, to):
    shutil.copytree(root / "nsddata", to / "nsddata")


def expected(ids, shared, n_sessions):
    """Z-scored betas, voxel by voxel."""
    mask = miniature.region() > 0
    parts = []
    for session in range(n_sessions):
        betas = miniature.draw_betas(session + 1)[mask].T / 300.0
        tested = np.isin(ids[session * 750 : (session + 1) * 750], list(shared))
        train = betas[~tested]
        parts.append((betas - train.mean(0)) / train.std(0))
    return np.concatenate(parts)


def test_betas_are_z_scored_by_session_with_training_trials_alone(written, drawn):
    ids, shared = drawn
    responses = study(written, sessions=2).load("01")
    np.testing.assert_allclose(responses.data, expected(ids, shared, 2), atol=1e-5)
    assert responses.data.flags.c_contiguous
    assert not responses.transductive
    trials = responses.trials
    assert trials["stimulus"].tolist() == [f"nsd-{k:05d}" for k in ids[:1500]]
    assert trials["trial"].iloc[[0, 750]].tolist() == [
        "session-01_trial-001", "session-02_trial-001",
    ]  # fmt: skip
    assert trials.groupby(["session", "run"]).size().tolist() == 2 * [63, 62] * 6
    first = np.argwhere(miniature.region() > 0)[0]
    assert responses.units["unit"].iloc[0] == "_".join(map(str, first))
    place = (miniature.AFFINE @ [*first, 1])[:3]
    np.testing.assert_allclose(responses.units[["x", "y", "z"]].iloc[0], place)


def test_test_trials_do_not_move_the_training_trials(written, drawn, tmp_path):
    ids, shared = drawn

    def louder(session):
        betas = miniature.draw_betas(session)
        tested = np.isin(ids[(session - 1) * 750 : session * 750], list(shared))
        betas[..., tested] *= 2
        return betas

    copy_tables(written, tmp_path)
    miniature.write_betas(tmp_path, 1, hdf5=False, betas=louder)
    plain, loud = (study(root, sessions=1).load("01") for root in (written, tmp_path))
    train = ~np.isin(ids[:750], list(shared))
    np.testing.assert_array_equal(plain.data[train], loud.data[train])
    assert not np.allclose(plain.data[~train], loud.data[~train])


def test_hdf5_and_nifti_read_alike(written, tmp_path):
    copy_tables(written, tmp_path)
    miniature.write_betas(tmp_path, 2, hdf5=True)
    nifti, hdf5 = (study(root, sessions=2).load("01") for root in (written, tmp_path))
    np.testing.assert_array_equal(nifti.data, hdf5.data)
    assert study(tmp_path, sessions=2).sources("01")[-1].suffix == ".hdf5"


def test_pictures_and_captions(written, drawn, tmp_path):
    ids, shared = drawn
    coco = 2 * (int(ids[3]) - 1) + 9
    notes = [(7, coco, " second "), (4, coco, "first\n"), (1, 4, "never shown")]
    for part, kept in (("train", notes), ("val", [])):
        said = [{"id": k, "image_id": picture, "caption": text} for k, picture, text in kept]
        file = tmp_path / f"captions_{part}2017.json"
        file.write_text(json.dumps({"annotations": said}))
    made = study(written, sessions=1, picture_size=8, annotations=str(tmp_path))
    stimuli = made.stimuli()
    seen = np.unique(ids[:750])
    assert stimuli.table["id"].tolist() == [f"nsd-{k:05d}" for k in seen]
    assert ((stimuli.table["set"] == "test") == np.isin(seen, list(shared))).all()
    row = int(np.flatnonzero(seen == ids[3])[0])
    assert stimuli.table["caption"].iloc[row] == "first"
    assert set(stimuli.table["caption"].drop(row)) == {""}
    np.testing.assert_allclose(stimuli.pixels[row, 4, 1], (250, 10, 20), atol=6)
    assert stimuli.pixels[row, 4, 6].max() < 10
    assert not np.delete(stimuli.pixels, row, axis=0).any()
    assert set(made.load("01").trials["stimulus"]) == set(stimuli.table["id"])


@pytest.mark.parametrize(
    ("n_sessions", "split", "train", "test", "pictures"),
    [
        (40, "new", 27_000, 3_000, (9_000, 1_000)),
        (37, "old", 24_980, 2_770, (8_859, 982)),
        (32, "new", None, None, (9_411 - 930, 930)),
        (30, "new", None, None, (9_209 - 907, 907)),
    ],
)
def test_counts_are_the_published_ones(written, n_sessions, split, train, test, pictures):
    made = study(written, split=split, sessions=n_sessions)
    assert made.n_sessions == {"01": n_sessions}
    tree = Tree(written)
    trials = read_trials(tree, "01", n_sessions, read_shared(tree)["shared"])
    if train:
        assert (~trials["tested"]).sum() == train
        assert trials["tested"].sum() == test
    assert len(trials) == 750 * n_sessions
    tested = trials.drop_duplicates("id")["tested"]
    assert ((~tested).sum(), tested.sum()) == pictures


def test_each_subject_has_its_own_sessions(written):
    own = {"01": 40, "03": 32, "04": 30, "08": 30}
    assert study(written, subjects=list(own)).n_sessions == own
    assert study(written, subjects=["07"], split="old").n_sessions == {"07": 37}
    with pytest.raises(ConfigError, match="subject 04 has 30: use new"):
        study(written, subjects=["04"], split="old")
    with pytest.raises(ConfigError, match="subject 03 has 32 in split new"):
        study(written, subjects=["03"], sessions=33)
    with pytest.raises(ValidationError):
        study(written, subjects=["09"])
    with pytest.raises(ConfigError, match="must be one of 01, got '02'"):
        study(written, sessions=1).load("02")


def test_what_is_missing_is_said_with_size_and_terms(written, tmp_path):
    with pytest.raises(DataError) as caught:
        study(tmp_path / "nowhere").subjects()
    said = str(caught.value)
    for words in ("44 of 44 files", "nsd_stimuli.hdf5", "s3://natural-scenes-dataset", "39.6 GB",
                  "data access agreement", "Allen et al. (2022)", "... and 39 more"):  # fmt: skip
        assert words in said
    with pytest.raises(DataError, match=r"1 of 7 files(.|\n)*betas_session03\.nii\.gz"):
        study(written, sessions=3).subjects()
    assert study(written, sessions=2).subjects() == ("01",)


def swap(table, column, rows, value):
    table.loc[rows, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(index=800), "session 2: 749"),
        (lambda t: t.iloc[::-1], "out of order"),
        (lambda t: t.assign(SUBJECT=2), r"subjects \[2\], not 01"),
        (lambda t: swap(t, "73KID", 5, 0), "must be 1 to 73000"),
        (lambda t: swap(t, "73KID", [1, 2, 3, 4], 77), "shown 4 times|shown 5 times"),
        (lambda t: t.drop(columns="73KID"), "not readable as the published table"),
    ],
)
def test_other_counts_of_trials_are_refused(written, drawn, tmp_path, change, message):
    ids, shared = drawn
    tree = Tree(tmp_path)
    tree.behaviour("01").parent.mkdir(parents=True)
    table = change(miniature.responses_table(ids[:1500]))
    table.to_csv(tree.behaviour("01"), sep="\t", index=False)
    all_shared = pd.Series(np.isin(np.arange(1, 73_001), list(shared)), np.arange(1, 73_001))
    with pytest.raises(DataError, match=message):
        read_trials(tree, "01", 2, all_shared)


def test_published_counts_are_asserted(written, drawn, tmp_path):
    ids, shared = drawn
    moved = ids.copy()
    train = np.flatnonzero(~np.isin(ids, list(shared)))
    moved[train[0]] = next(iter(set(range(1, 73_001)) - set(ids.tolist()) - shared))
    tree = Tree(tmp_path)
    tree.behaviour("01").parent.mkdir(parents=True)
    miniature.responses_table(moved).to_csv(tree.behaviour("01"), sep="\t", index=False)
    all_shared = pd.Series(np.isin(np.arange(1, 73_001), list(shared)), np.arange(1, 73_001))
    with pytest.raises(DataError, match=r"pictures 10001 \(published: 10000\)"):
        read_trials(tree, "01", 40, all_shared)


def test_a_table_of_other_pictures_is_refused(written, drawn, tmp_path):
    tree = Tree(tmp_path)
    tree.stimulus_table.parent.mkdir(parents=True)
    miniature.stimulus_table(list(drawn[1])[:900]).to_csv(tree.stimulus_table)
    with pytest.raises(DataError, match="73000 rows, 900 shared"):
        read_shared(tree)


def test_betas_that_are_not_as_published_are_refused(written, tmp_path, monkeypatch):
    copy_tables(written, tmp_path)
    for hdf5 in (False, True):
        for wrong in (lambda s: miniature.draw_betas(s)[..., :749],
                      lambda s: miniature.draw_betas(s).astype(np.float32)):  # fmt: skip
            miniature.write_betas(tmp_path, 1, hdf5=hdf5, betas=wrong)
            with pytest.raises(DataError, match="must be int16 of the ROI's grid"):
                study(tmp_path, sessions=1).load("01")
    monkeypatch.setitem(nsd_files.N_VOXELS, "01", 15724)
    with pytest.raises(DataError, match="voxels above zero; there must be 15724"):
        study(written, sessions=1).load("01")


def test_a_voxel_that_stands_still_is_masked_out_and_counted(written, drawn, tmp_path):
    still = tuple(np.argwhere(miniature.region() > 0)[2])

    def betas(session):
        values = miniature.draw_betas(session)
        if session == 2:
            values[still] = 0
        return values

    copy_tables(written, tmp_path)
    miniature.write_betas(tmp_path, 2, hdf5=True, betas=betas)
    with pytest.warns(DataWarning, match="1 of .* voxels were masked out"):
        responses = study(tmp_path, sessions=2).load("01")
    np.testing.assert_allclose(responses.data, np.delete(expected(*drawn, 2), 2, axis=1), atol=1e-5)
    assert len(responses.units) == responses.data.shape[1]
