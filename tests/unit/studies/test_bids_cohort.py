"""People of a BIDS data set become time courses of regions, and connectivity."""

import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.signal import detrend

sys.path.append(str(Path(__file__).parent))
import people_miniature as miniature

from neurodecode.deconfound.connectivity import Connectivity, n_edges
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.registry import make
from neurodecode.studies.settings import DataSettings

N = 6


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("rest") / "set"
    return root, miniature.write(root, N)


@pytest.fixture
def root(written, tmp_path):
    return Path(shutil.copytree(written[0], tmp_path / "set"))


def study(root, **changes):
    raw = {"kind": "bids_cohort", "root": str(root), "derivatives": miniature.DERIVATIVES,
           "atlas": miniature.ATLAS, **changes}  # fmt: skip
    return make("study", TypeAdapter(DataSettings).validate_python(raw))


def loaded(adapter):
    return adapter.join({s: adapter.load(s).data for s in adapter.subjects()})


def test_time_courses_are_the_regions_means(written):
    root, people = written
    responses = study(root).load("002")
    assert responses.units["roi"].tolist() == miniature.NAMES
    wanted = detrend(miniature.courses_of(2, people), axis=0)
    wanted /= wanted.std(axis=0, ddof=1)
    np.testing.assert_allclose(responses.data, wanted, atol=2e-3)
    assert responses.trials["participant_id"].unique().tolist() == ["002"]


def test_connectivity_is_that_of_the_time_courses(written):
    root, people = written
    table, courses = loaded(study(root))
    assert courses.shape == (N, 40, 6)
    assert table["age"].tolist() == people["age"].tolist()
    assert table["participant_id"].tolist() == [f"{k:03d}" for k in range(N)]
    edges = Connectivity("correlation").fit_transform(courses)
    assert edges.shape == (N, n_edges(6, "correlation"))
    site_b = (table["site"] == "b").to_numpy()
    assert edges[site_b].mean() > edges[~site_b].mean() + 0.3


def test_raw_images_and_seeds(written):
    root, people = written
    centres = {"left": (6, 3, 0), "right": (6, 12, 0)}
    adapter = study(root, derivatives=None, atlas=None, seeds=centres, radius=2.5)
    responses = adapter.load("001")
    assert responses.units["unit"].tolist() == ["left", "right"]
    wanted = detrend(miniature.courses_of(1, people), axis=0)[:, :2]
    np.testing.assert_allclose(responses.data, wanted / wanted.std(axis=0, ddof=1), atol=2e-3)
    assert "2 seeds" in adapter.about()["recorded"]


def test_scrubbed_volumes_are_left_out_and_everybody_gives_as_many(root):
    path = next(root.glob(f"{miniature.DERIVATIVES}/sub-004/func/*timeseries.tsv"))
    table = pd.read_csv(path, sep="\t")
    table.loc[20:, "framewise_displacement"] = 2.0
    table.to_csv(path, sep="\t", index=False)
    adapter = study(root, confounds=["motion", "scrub"])
    assert len(adapter.load("000").data) == 39
    assert len(adapter.load("004").data) == 19
    assert loaded(adapter)[1].shape == (N, 19, 6)
    adapter = study(root, confounds=["motion", "scrub"], volumes=30)
    with pytest.warns(DataWarning, match="1 of 6 people have fewer than 30 volumes"):
        people, courses = loaded(adapter)
    assert courses.shape == (N - 1, 30, 6)
    assert "004" not in people["participant_id"].tolist()
    with pytest.raises(DataError, match="nobody has 50 volumes that are kept; at most 39"):
        loaded(study(root, confounds=["motion", "scrub"], volumes=50))


def test_motion_is_regressed_out(root):
    def with_motion(values):
        moves = pd.read_csv(table, sep="\t")["trans_x"].to_numpy()
        return values + 1e5 * moves.astype(np.float32)

    table = next(root.glob(f"{miniature.DERIVATIVES}/sub-001/func/*timeseries.tsv"))
    edit(next(root.glob(f"{miniature.DERIVATIVES}/sub-001/func/*bold.nii.gz")), with_motion)
    as_is = np.corrcoef(study(root).load("001").data.T)
    clean = np.corrcoef(study(root, confounds=["motion"]).load("001").data.T)
    assert as_is[np.triu_indices(6, 1)].min() > 0.99
    assert clean[np.triu_indices(6, 1)].max() < 0.95


def edit(path, change):
    image = nib.load(path)
    miniature.save(change(image.get_fdata(dtype=np.float32)), path, miniature.TR)


def one_flat(values):
    values[miniature.labels() == 2] = 7
    return values


def no_rows(root):
    table = pd.read_csv(root / "participants.tsv", sep="\t")
    table.iloc[1:].to_csv(root / "participants.tsv", sep="\t", index=False)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda r: edit(next(r.glob("derivatives/fmriprep/sub-000/func/*bold.nii.gz")), one_flat),
         "1 of 6 regions do not vary, such as right"),
        (lambda r: next(r.glob("derivatives/fmriprep/sub-000/func/*bold.nii.gz")).write_bytes(b""),
         "not a NIfTI image"),
        (lambda r: (r / "task-rest_bold.json").write_text("{}"), "RepetitionTime is in none of"),
        (lambda r: (r / miniature.ATLAS).unlink(), "no such file"),
        (lambda r: (r / miniature.ATLAS.replace(".nii.gz", ".tsv")).write_text("index\tname\n"),
         "label.s. 1, 2, 3, 4, 5, 6 have no row"),
        (lambda r: miniature.save(np.pad(miniature.labels(), 6)[:, :, 9:], r / miniature.ATLAS),
         "regions"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(root, mistake, message):
    mistake(root)
    with pytest.raises(DataError, match=message):
        study(root).load("000")


@pytest.mark.filterwarnings("ignore::neurodecode.errors.DataWarning")
def test_who_is_missing_is_said(root):
    no_rows(root)
    with pytest.raises(DataError, match=r"participants.tsv: 1 of the 6 people with features"):
        loaded(study(root))
    with pytest.raises(ConfigError, match="100 have no func recording"):
        study(root, subjects=["100"]).subjects()
    with pytest.raises(DataError, match="nobody has a recording of task-music"):
        study(root, task="music").subjects()
    shutil.rmtree(root / miniature.DERIVATIVES / "sub-003")
    with pytest.warns(DataWarning, match="1 of 6 people have no recording of task-rest"):
        assert "003" not in study(root).subjects()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"atlas": None}, "name atlas or seeds"),
        ({"seeds": {"a": [0, 0, 0], "b": [1, 1, 1]}}, "name atlas or seeds"),
        ({"atlas": None, "seeds": {"a": [0, 0, 0]}}, "needs two or more"),
        ({"derivatives": None, "confounds": ["motion"]}, "needs derivatives"),
        ({"high_pass": 0.1, "low_pass": 0.05}, "high_pass must be below low_pass"),
    ],
)
def test_settings_make_sense(changes, message):
    with pytest.raises(ValidationError, match=message):
        study("folder", **changes)
