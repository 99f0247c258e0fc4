"""Volumes in blocks, rows that stay on disk, columns dropped in place: against plain arrays."""

import gc

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurodecode.errors import DataError, OutputError
from neurodecode.studies import volumes
from neurodecode.studies.volumes import RowsOnDisk, drop_columns, masked_volumes, open_image


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("slope", [1.0, 0.25])
@pytest.mark.parametrize("block", [1, 500, 10**9])
def test_masked_volumes_are_those_of_the_whole_image(tmp_path, monkeypatch, name, slope, block):
    monkeypatch.setattr(volumes, "BLOCK", block)
    rng = np.random.default_rng(0)
    values = rng.integers(-900, 900, (4, 5, 3, 11)).astype(np.int16)
    mask = rng.random((4, 5, 3)) > 0.6
    image = nib.Nifti1Image(values, np.eye(4))
    image.header.set_slope_inter(slope, 0)
    nib.save(image, tmp_path / name)
    opened = open_image(tmp_path / name, 4)
    found = np.concatenate(list(masked_volumes(opened, tmp_path / name, mask)))
    np.testing.assert_allclose(found, nib.load(tmp_path / name).get_fdata()[mask].T)
    assert volumes.voxel_names(mask)[0] == "_".join(map(str, np.argwhere(mask)[0]))


def test_a_cut_image_is_said_to_be_cut(tmp_path):
    path = tmp_path / "x.nii.gz"
    noise = np.random.default_rng(0).normal(size=(6, 6, 6, 20)).astype(np.float32)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"x\.nii\.gz: not a whole NIfTI image"):
        list(masked_volumes(open_image(path, 4), path, np.ones((6, 6, 6), bool)))


@pytest.mark.parametrize(("at", "value"), [(70, 9999), (40, -4)])
def test_a_header_that_cannot_be_is_said_to_be_wrong(tmp_path, at, value):
    """An unknown type of values (byte 70), a negative number of axes (40)."""
    path = tmp_path / "x.nii"
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 5), np.int16), np.eye(4)), path)
    raw = bytearray(path.read_bytes())
    raw[at : at + 2] = int(value).to_bytes(2, "little", signed=True)
    path.write_bytes(bytes(raw))
    with pytest.raises(DataError, match=r"x\.nii: "):
        open_image(path, 4)


@given(
    hnp.arrays(np.float32, (9, 4), elements=st.floats(-5, 5, width=32)),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    hnp.arrays(bool, 9),
    hnp.arrays(bool, 4),
    st.lists(st.integers(0, 8), max_size=6),
)
def test_rows_on_disk_read_as_the_array(array, lengths, mask, good, indices):
    on_disk, start = RowsOnDisk(4), 0
    for length in [*lengths, 9]:
        on_disk.append(array[start : start + length])
        start += length
    assert on_disk.shape == array.shape
    assert len(on_disk) == 9
    np.testing.assert_array_equal(on_disk[mask], array[mask])
    on_disk.keep(good)
    assert on_disk.shape == (9, good.sum())
    picked = np.array(indices, int)
    np.testing.assert_array_equal(on_disk[picked], array[picked][:, good])


def test_rows_on_disk_know_their_end_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    on_disk = RowsOnDisk(2)
    on_disk.append(np.ones((3, 2), np.float32))
    with pytest.raises(IndexError, match="out of bounds"):
        on_disk[np.array([3])]
    assert not list(tmp_path.iterdir())
    del on_disk
    gc.collect()


def test_a_full_disk_says_where(monkeypatch):
    on_disk = RowsOnDisk(2)

    class Full:
        def seek(self, *_):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(on_disk, "_file", Full())
    with pytest.raises(OutputError, match="TMPDIR"):
        on_disk.append(np.ones((3, 2), np.float32))


@given(hnp.arrays(np.float32, (7, 5), elements=st.floats(-5, 5, width=32)), hnp.arrays(bool, 5))
def test_dropping_columns_in_place(array, good):
    data = array.copy()
    left = drop_columns(data, good)
    np.testing.assert_array_equal(left, array[:, good])
    assert left.flags.c_contiguous
    assert not left.size or np.shares_memory(left, data)
