"""Values of vertices on a mesh: which values lie where, and why there is no map."""

import base64
import io
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import load_fsaverage
from PIL import Image
from pydantic import ValidationError

from neurodecode.config import StudyConfig, load_study
from neurodecode.errors import DataError
from neurodecode.pages import report_inputs
from neurodecode.report import quality_fmri
from neurodecode.report.maps import UnitMap, map_parts
from neurodecode.report.surface import FSAVERAGE5, on_surface

CONFIG = Path(__file__).parents[3] / "config" / "config.yaml"


def cortex(n=FSAVERAGE5, step=1, names="cortex_{}_{}"):
    """Every ``step``-th vertex of both hemispheres."""
    rows = [(names.format(s, v), f"cortex_{s}") for s in ("left", "right")
            for v in range(0, n, step)]  # fmt: skip
    return pd.DataFrame(rows, columns=["unit", "roi"]).assign(vertices=n)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float)


def coloured(picture):
    """Share of strong colour in each quarter of the width: left outside and inside, right."""
    image = pixels(picture)[:, :-150]  # without the scale
    strong = np.ptp(image, axis=2) > 60
    return [float(part.mean()) for part in np.array_split(strong, 4, axis=1)]


def test_a_value_is_drawn_on_its_hemisphere_and_side():
    units = cortex()
    parts = load_fsaverage("fsaverage5")["inflated"].parts
    x = np.concatenate([parts[side].coordinates[:, 0] for side in ("left", "right")])
    middle = {side: np.median(parts[side].coordinates[:, 0]) for side in parts}
    left = units["roi"].eq("cortex_left").to_numpy()
    outside = np.where(left, x < middle["left"], x > middle["right"])
    for k, (side, out) in enumerate(((True, True), (True, False), (False, False), (False, True))):
        values = np.where((left == side) & (outside == out), 1.0, np.nan)
        picture, words = on_surface(units, {"r": values}, None)
        shares = coloured(picture)
        assert words == "Drawn on fsaverage5, inflated; left hemisphere first."
        assert int(np.argmax(shares)) == k
        assert shares[k] > 0.2
        other = shares[(2 if k < 2 else 0) : (4 if k < 2 else 2)]
        assert max(other) < 0.01


def write_mesh(path, n=12):
    """A ball of ``n`` corners around a ring, and two poles."""
    angle = np.linspace(0, 2 * np.pi, n - 2, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    points = np.concatenate([ring, [[0, 0, 1], [0, 0, -1]]]).astype(np.float32)
    k = np.arange(n - 2)
    faces = [
        np.column_stack([k, (k + 1) % (n - 2), np.full(n - 2, pole)]) for pole in (n - 2, n - 1)
    ]
    arrays = [
        nib.gifti.GiftiDataArray(points, intent="NIFTI_INTENT_POINTSET"),
        nib.gifti.GiftiDataArray(
            np.concatenate(faces).astype(np.int32), intent="NIFTI_INTENT_TRIANGLE"
        ),
    ]
    nib.save(nib.GiftiImage(darrays=arrays), path)


def test_a_mesh_that_the_user_names(tmp_path):
    for letter in "LR":
        write_mesh(tmp_path / f"sub-01_hemi-{letter}.surf.gii")
    file = str(tmp_path / "sub-01_hemi-{hemi}.surf.gii")
    units = cortex(12, names="{}_{}")
    values = np.where(units["roi"] == "cortex_right", 1.0, np.nan)
    picture, words = on_surface(units, {"r": values}, file)
    assert "sub-01_hemi-{hemi}.surf.gii" in words
    shares = coloured(picture)
    assert min(shares[2:]) > 0.1
    assert max(shares[:2]) < 0.01
    below = pd.DataFrame({"unit": ["thalamus_left_1_1_1"], "roi": "thalamus", "vertices": np.nan})
    both = pd.concat([units, below], ignore_index=True)
    assert "1 units are voxels" in on_surface(both, {"r": np.append(values, 1.0)}, file)[1]


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (
            cortex(32492, 1000),
            "a surface of 32,492 a hemisphere, and fsaverage5, inflated has 10,242",
        ),
        (cortex(step=1000, names="cortex_{}_{}_4s"), "no single vertices"),
        (cortex(step=1000).drop(columns="vertices"), "position of the units .* is not known"),
    ],
)
def test_without_a_mesh_a_line_says_why(units, words):
    values = np.ones(len(units))
    picture, said = on_surface(units, {"r": values}, None)
    assert picture == ""
    table = units.assign(n_near=7, accuracy=0.2, p=0.3, q=0.6)
    facts = {"radius": 8.0, "n_classes": 4, "n_trials": 80, "n_folds": 5}
    (part,) = map_parts([UnitMap("searchlight", "lda", "01", table, facts, None)])
    assert part.panels[1].heading == "Spread over units"
    assert part.panels[1].words == said
    assert pd.Series([said]).str.contains(words).all()


def test_the_recordings_signal_is_drawn_too():
    units = cortex().drop(columns="roi")
    panel = quality_fmri.voxels(units.assign(mean=100.0, tsnr=50.0, ceiling=np.nan))
    assert "Drawn on fsaverage5" in panel.words
    assert min(coloured(panel.picture)) > 0.2


def test_a_mesh_that_cannot_be_read(tmp_path):
    file = str(tmp_path / "{hemi}.surf.gii")
    units = cortex(step=1000)
    with pytest.raises(DataError, match=r"surface: .*L\.surf\.gii: no such file"):
        on_surface(units, {"r": np.ones(len(units))}, file)
    for content in (b"<x", b""):
        (tmp_path / "L.surf.gii").write_bytes(content)
        with pytest.raises(DataError, match="not a GIFTI mesh"):
            on_surface(units, {"r": np.ones(len(units))}, file)
    volume = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)).to_bytes()
    (tmp_path / "L.nii").write_bytes(volume[:70] + b"\xff\x7f" + volume[72:])  # an unknown type
    with pytest.raises(DataError, match="not a GIFTI mesh"):
        on_surface(units, {"r": np.ones(len(units))}, str(tmp_path / "{hemi}.nii"))
    flat = nib.gifti.GiftiDataArray(np.ones(5, np.float32), intent="NIFTI_INTENT_SHAPE")
    nib.save(nib.GiftiImage(darrays=[flat]), tmp_path / "L.surf.gii")
    with pytest.raises(DataError, match="no mesh"):
        on_surface(units, {"r": np.ones(len(units))}, file)


def test_the_report_depends_on_the_meshes_that_the_study_names(tmp_path):
    study = load_study("haxby2001", CONFIG)
    assert study.surface_of("01") is None
    raw = study.model_dump() | {"surface": "mesh/sub-{subject}_hemi-{hemi}.surf.gii"}
    named = StudyConfig.model_validate(raw)
    more = set(report_inputs([named], tmp_path)) - set(report_inputs([study], tmp_path))
    assert more == {Path(f"mesh/sub-01_hemi-{side}.surf.gii") for side in "LR"}
    with pytest.raises(ValidationError, match="surface"):
        StudyConfig.model_validate(raw | {"surface": "lh.surf.gii"})
