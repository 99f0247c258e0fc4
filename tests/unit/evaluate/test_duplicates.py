"""Pictures that are the same to an eye are found, different ones are not."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli
from neurodecode.errors import LeakageError
from neurodecode.evaluate.duplicates import near_duplicates, refuse_near_duplicates


def stimuli(pixels):
    table = pd.DataFrame(
        {"id": [f"p{k}" for k in range(len(pixels))], "caption": "", "category": "", "set": "test"}
    )
    return Stimuli(table, pixels)


@pytest.fixture
def pictures():
    """Six smooth pictures of 64 x 64."""
    rng = np.random.default_rng(0)
    small = rng.uniform(40, 215, (6, 4, 4, 3))
    return small.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


PARTS = np.array(["trained"] * 3 + ["0"] * 3)


@pytest.mark.parametrize("change", ["noise", "darker", "none"])
def test_a_changed_copy_is_found_by_its_pixels(pictures, change):
    rng = np.random.default_rng(1)
    copy = pictures[1].astype(float)
    copy = {"noise": copy + rng.normal(0, 8, copy.shape), "darker": copy * 0.8, "none": copy}[
        change
    ]
    pictures[4] = copy.clip(0, 255).astype(np.uint8)
    found = near_duplicates(stimuli(pictures), PARTS, None, 0.98)
    assert found[["scored", "trained", "by"]].to_numpy().tolist() == [["p4", "p1", "pixels"]]
    with pytest.raises(LeakageError, match=r"1 scored pictures.*p4 and p1 \(pixels 0\.9|1\.0"):
        refuse_near_duplicates(stimuli(pictures), PARTS, None, 0.98)


def test_a_mirrored_copy_is_found_by_its_embedding(pictures):
    pictures[5] = pictures[0][:, ::-1]
    embeddings = np.eye(6, dtype=np.float32)
    embeddings[5] = embeddings[0]
    found = near_duplicates(stimuli(pictures), PARTS, embeddings, 0.98)
    assert found[["scored", "trained", "by"]].to_numpy().tolist() == [["p5", "p0", "embedding"]]


def test_pictures_of_one_part_may_be_alike_and_others_are_told_apart(pictures):
    pictures[4] = pictures[3]
    pictures[1] = pictures[0]
    refuse_near_duplicates(stimuli(pictures), PARTS, None, 0.98)
    folds = np.array(["trained"] * 3 + ["0", "1", "1"])
    with pytest.raises(LeakageError, match="p3 and p4"):
        refuse_near_duplicates(stimuli(pictures), folds, None, 0.98)
