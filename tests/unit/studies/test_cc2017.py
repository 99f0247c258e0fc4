"""The movie data set: a miniature of its published tree, and every way in which it lies."""

import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError

sys.path.append(str(Path(__file__).parent))
import cc2017_miniature as miniature

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.registry import make
from neurodecode.studies import cc2017, cc2017_runs
from neurodecode.studies.public_settings import Cc2017Settings

PUBLISHED = cc2017.MOVIES
N_CLIPS = 240


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("cc2017")
    miniature.write(root)
    miniature.write(root, nifti=True)
    miniature.write_movies(root)
    return root


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(cc2017, "MOVIES", miniature.MOVIES)
    monkeypatch.setattr(cc2017_runs, "N_VERTICES", miniature.N_UNITS)


def study(root, **more):
    settings = Cc2017Settings.model_validate(
        {"kind": "cc2017", "root": str(root), "picture_size": 8, "fps": 1, **more}
    )
    return make("study", settings)


def test_the_published_counts():
    assert PUBLISHED == {"seg": (18, 2), "test": (5, 10)}
    # 8,640 training samples of 4,320 clips; 1,200 test clips.
    assert [n * N_CLIPS for n, _ in PUBLISHED.values()] == [4320, 1200]


def expected(movie, repeat, lag):
    """One run by another way: polynomial fit and scipy's z-score."""
    from scipy.stats import zscore

    values = miniature.draw_run(movie, repeat).astype(np.float32).astype(float)
    start = len(values) - 244 + lag // 2
    part = values[start : start + N_CLIPS]
    time = np.arange(N_CLIPS)
    fit = np.stack([np.polynomial.Polynomial.fit(time, unit, 4)(time) for unit in part.T], axis=1)
    return zscore(part - fit, axis=0)


@pytest.mark.parametrize("lag", [0, 4, 8])
def test_a_clip_is_the_volume_a_lag_later(written, lag):
    responses = study(written, lag=lag, reliable=False).load("01")
    runs = [(m, r) for part, m in miniature.movies() for r in range(miniature.MOVIES[part][1])]
    assert responses.data.shape == (len(runs) * N_CLIPS, miniature.N_UNITS)
    for k, (movie, repeat) in enumerate(runs):
        own = responses.data[k * N_CLIPS : (k + 1) * N_CLIPS]
        np.testing.assert_allclose(own, expected(movie, repeat, lag), atol=2e-3)
    assert responses.transductive
    assert responses.units["unit"].iloc[[1, 14]].tolist() == ["left_2", "right_3"]


def test_units_are_chosen_by_the_training_repeats_alone(written, tmp_path):
    responses = study(written).load("01")
    names = study(written, reliable=False).load("01").units["unit"]
    assert responses.units["unit"].tolist() == names[miniature.RELIABLE].tolist()

    def silent_tests(movie, repeat):
        if movie.startswith("test"):
            return np.random.default_rng([repeat, *movie.encode()]).normal(
                1000, 9, (246 if movie == "test2" else 245, miniature.N_UNITS)
            )
        return miniature.draw_run(movie, repeat)

    miniature.write(tmp_path, run=silent_tests)
    other = study(tmp_path).load("01")
    assert other.units["unit"].tolist() == responses.units["unit"].tolist()


def test_trials_and_clips(written):
    made = study(written)
    trials, stimuli = made.load("01").trials, made.stimuli()
    counts = trials["stimulus"].value_counts()
    sets = stimuli.table.set_index("id")["set"]
    assert {s: set(counts[sets == s]) for s in ("train", "test")} == {"train": {2}, "test": {3}}
    assert trials["stimulus"].iloc[[0, 239, 240]].tolist() == [
        "seg1_000s", "seg1_478s", "seg1_000s",
    ]  # fmt: skip
    assert trials["trial"].is_unique
    assert sets.value_counts().to_dict() == {"train": 4 * 240, "test": 2 * 240}
    shown = np.concatenate([miniature.colours(movie) for _, movie in miniature.movies()])
    assert stimuli.frames.shape == (6 * 240, 2, 8, 8, 3)
    means = stimuli.frames.mean(axis=(2, 3)).reshape(-1, 3)
    assert np.abs(means - shown).max() < 8  # the movies are compressed
    np.testing.assert_array_equal(stimuli.pixels, stimuli.frames[:, 1])


def test_volumes_within_a_mask_read_alike(written):
    cifti = study(written).load("01")
    nifti = study(written, form="nifti", mask="mask.nii.gz").load("01")
    np.testing.assert_allclose(nifti.data, cifti.data, atol=1e-5)
    assert nifti.units["unit"].iloc[0] == "_".join(
        map(str, np.argwhere(miniature.mask())[np.flatnonzero(miniature.RELIABLE)[0]])
    )
    with pytest.raises(ValidationError, match="needed with form: nifti"):
        study(written, form="nifti")


def test_what_is_missing_is_said_with_size_and_terms(written, tmp_path):
    assert study(written).subjects() == ("01",)
    with pytest.raises(DataError) as caught:
        study(tmp_path / "nowhere", subjects=["01", "03"]).subjects()
    said = str(caught.value)
    for words in ("seg1_1_Atlas.dtseries.nii", "purr.purdue.edu", "25 GB", "CC0",
                  "stimuli/seg1.mp4", f"{2 * 14 + 6} of"):  # fmt: skip
        assert words in said
    with pytest.raises(ConfigError, match="must be one of 01, got '02'"):
        study(written).load("02")


def test_runs_that_are_not_as_published_are_refused(written, tmp_path, monkeypatch):
    root = Path(shutil.copytree(written / "subject1", tmp_path / "subject1")).parent
    run = root / "subject1/fmri/test1/cifti/test1_1_Atlas.dtseries.nii"
    image = nib.load(run)
    short = nib.Cifti2Image(
        image.get_fdata()[:240], (miniature.SeriesAxis(0, 2, 240), miniature.brain())
    )
    nib.save(short, run)
    with pytest.raises(DataError, match=r"test1_1_Atlas.*240 volumes; there must be 245 or 246"):
        study(root).load("01")
    data = bytearray(run.read_bytes())
    data[12:14] = (9999).to_bytes(2, "little")  # the type of its values
    run.write_bytes(data)
    with pytest.raises(DataError, match=r"not a whole CIFTI-2 time series.*9999"):
        study(root).load("01")
    run.write_bytes(b"no image")
    with pytest.raises(DataError, match="not a whole CIFTI-2 time series"):
        study(root).load("01")
    monkeypatch.setattr(cc2017_runs, "N_VERTICES", 59_412)
    with pytest.raises(DataError, match="24 cortical vertices; there must be 59412"):
        study(root).load("01")


def test_units_that_stand_still_or_do_not_repeat(tmp_path):
    def still(movie, repeat):
        values = miniature.draw_run(movie, repeat)
        values[:, 4] = 700 if movie == "test1" else values[:, 4]
        return values

    miniature.write(tmp_path, run=still)
    with pytest.warns(DataWarning, match="1 of 16 units do not change"):
        responses = study(tmp_path).load("01")
    assert responses.data.shape[1] == miniature.RELIABLE.sum() - 1
    assert "left_8" not in set(responses.units["unit"])
    noise = np.random.default_rng(0)
    miniature.write(
        tmp_path, run=lambda movie, _: noise.normal(size=(245 + (movie == "test2"), 24))
    )
    with pytest.raises(DataError, match="no unit of 24 repeats its response"):
        study(tmp_path).load("01")
