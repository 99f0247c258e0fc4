"""Maps: values lie where their units are, and what is said is what is in the table."""

import base64

import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine

from neurodecode.report import quality_fmri
from neurodecode.report.brain import slices, unit_grid, volume
from neurodecode.report.maps import UnitMap, map_parts


def units(affine, named=False):
    ijk = np.argwhere(np.ones((4, 5, 2))) + np.array([3, 0, 7])
    table = pd.DataFrame(apply_affine(affine, ijk), columns=list("xyz"))
    table.insert(0, "roi", "brain")
    names = ["_".join(map(str, v)) for v in ijk] if named else [f"v{k}" for k in range(len(ijk))]
    table.insert(0, "unit", names)
    return table


STRAIGHT = np.array([[-3.0, 0, 0, 40], [0, 3, 0, -60], [0, 0, 4, 2], [0, 0, 0, 1]])
TURNED = np.array([[2.0, 0.5, 0, 1], [-0.5, 2, 0, 2], [0, 0, 2.5, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize(("affine", "named"), [(STRAIGHT, False), (STRAIGHT, True), (TURNED, True)])
def test_every_value_lies_where_its_unit_is(affine, named):
    table = units(affine, named)
    values = np.arange(1.0, len(table) + 1)
    image = volume(*unit_grid(table), values)
    back = apply_affine(np.linalg.inv(image.affine), table[["x", "y", "z"]].to_numpy())
    found = np.asarray(image.dataobj)[tuple(np.round(back).astype(int).T)]
    assert found.tolist() == values.tolist()
    assert np.allclose(back, np.round(back), atol=1e-3)


def test_units_on_no_grid_have_no_map():
    turned = units(TURNED)
    turned["x"] += np.random.default_rng(0).uniform(size=len(turned))
    assert unit_grid(turned) is None
    assert unit_grid(turned.drop(columns="z")) is None
    assert unit_grid(turned.assign(x=np.nan)) is None
    assert slices(turned, {"a": np.ones(len(turned))}, None) == ""


def encoding(table, **facts):
    n = len(table)
    scores = pd.DataFrame({"r": np.linspace(-0.1, 0.8, n), "r2": 0.2, "share_a": 0.15,
                           "share_b": 0.05, "ceiling": 0.9, "p": 0.5, "q": 0.5})  # fmt: skip
    scores["r_normalised"] = scores["r"] / 0.9
    scores.loc[n // 2 :, "q"] = 0.001
    facts = {"bands": ["a", "b"], "n_items": 30, "n_folds": 1} | facts
    return UnitMap("encode", "bands", "01", pd.concat([table, scores], axis=1), facts, None)


def test_an_encoding_map_says_and_draws_what_is_in_its_table():
    (part,) = map_parts([encoding(units(STRAIGHT))])
    text, drawn = part.panels
    assert part.title == "Encoding model bands"
    assert "20 of 40 units are predicted" in text.words
    assert "cleaned over whole runs" not in text.words
    (other,) = map_parts([encoding(units(STRAIGHT).drop(columns="z"), transductive=True)])
    assert "cleaned over whole runs" in other.panels[0].words
    assert text.rows[1][:4] == ("brain", "40", "20", "0.35")
    assert base64.b64decode(drawn.picture).startswith(b"\x89PNG")
    assert "20 units" in drawn.alt


def test_without_places_there_is_a_histogram_that_says_why():
    table = units(STRAIGHT).drop(columns=["x", "y", "z"])
    (part,) = map_parts([encoding(table)])
    assert "not known" in part.panels[1].words
    assert part.panels[1].picture


def test_a_searchlight_says_its_chance_and_that_the_best_flatters():
    table = units(STRAIGHT).assign(n_near=7, accuracy=0.2, p=0.3, q=0.6)
    table.loc[3, ["accuracy", "q"]] = 0.9, 0.001
    facts = {"radius": 8.0, "n_classes": 4, "n_trials": 80, "n_folds": 5}
    (part,) = map_parts([UnitMap("searchlight", "lda", "01", table, facts, np.ones(40))])
    assert "chance 0.250" in part.panels[0].words
    assert "1 of 40 neighbourhoods" in part.panels[0].words
    assert "better than it would be again" in part.panels[0].words


def test_motion_and_signal_of_a_recording_are_drawn():
    volumes = pd.DataFrame({"run": np.repeat([0, 1], 20), "time": 0.0, "fd": 0.1, "dvars": 1.0,
                            "kept": True})  # fmt: skip
    volumes.loc[[0, 20], ["fd", "dvars"]] = np.nan
    volumes.loc[25, ["fd", "kept"]] = 2.0, False
    panel = quality_fmri.volumes(volumes)
    assert "1 of 40 volumes are left out" in panel.words
    assert "most in run 1 (1)" in panel.words
    assert "largest 2" in panel.words
    still = quality_fmri.volumes(volumes.assign(fd=np.nan, kept=True))
    assert "displacement is not known" in still.words
    table = units(STRAIGHT).drop(columns="roi").assign(mean=100.0, tsnr=50.0, ceiling=np.nan)
    signal = quality_fmri.voxels(table)
    assert "temporal SNR: median voxel 50" in signal.words
    assert "no noise ceiling is known" in signal.words
    assert signal.picture
