"""The published tree of the movie data set with few vertices and movies."""

from pathlib import Path

import av
import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, SeriesAxis

MOVIES = {"seg": (4, 2), "test": (2, 3)}
LEFT, RIGHT, BELOW = 14, 10, 5
N_UNITS = LEFT + RIGHT
RELIABLE = np.arange(N_UNITS) % 3 != 0
GRID, AFFINE = (4, 5, 3), np.diag([2.0, 2.0, 2.0, 1.0])


def brain():
    """Cortex of both sides, without some vertices, and a structure below it."""
    left = BrainModelAxis.from_surface(np.arange(LEFT) * 2, 100, "CortexLeft")
    right = BrainModelAxis.from_surface(np.arange(RIGHT) + 3, 100, "CortexRight")
    voxels = np.zeros(GRID, bool)
    voxels.reshape(-1)[:BELOW] = True
    below = BrainModelAxis.from_mask(voxels, "thalamus_left", AFFINE)
    return left + right + below


def movies():
    return [(part, f"{part}{k}") for part, (n, _) in MOVIES.items() for k in range(1, n + 1)]


def draw_run(movie, repeat):
    """Draw volumes (245 or 246, n_units) of the movie's course with a trend and noise."""
    shared = np.random.default_rng([1, *movie.encode()])
    course = shared.normal(size=(252, N_UNITS))[2 if movie == "test2" else 3 :]
    n = 246 if movie == "test2" else 245
    own = np.random.default_rng([2, repeat, *movie.encode()])
    noise = own.normal(size=(n, N_UNITS))
    time = np.linspace(-1, 1, n)[:, None]
    return 1000 + 40 * time**3 - 25 * time + np.where(RELIABLE, 4 * course[:n], 0) + 2 * noise


def write(root, subject=1, run=draw_run, *, nifti=False):
    axis = brain()
    for part, movie in movies():
        folder = Path(root) / f"subject{subject}" / "fmri" / movie
        for name in ("cifti", "mni"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for repeat in range(MOVIES[part][1]):
            values = run(movie, repeat)
            stem = f"{movie}_{repeat + 1}"
            if nifti:
                volumes = np.zeros((*GRID, len(values)), np.float32)
                volumes[mask()] = values.T
                # As published, one file has a dot where the others have a dash.
                name = f"{stem}.mni.nii.gz" if stem == "test1_2" else f"{stem}_mni.nii.gz"
                nib.save(nib.Nifti1Image(volumes, AFFINE), folder / "mni" / name)
                continue
            whole = np.hstack([values, np.zeros((len(values), BELOW))]).astype(np.float32)
            image = nib.Cifti2Image(whole, (SeriesAxis(0, 2, len(values)), axis))
            nib.save(image, folder / "cifti" / f"{stem}_Atlas.dtseries.nii")
    if nifti:
        nib.save(nib.Nifti1Image(mask().astype(np.uint8), AFFINE), Path(root) / "mask.nii.gz")


def mask():
    inside = np.zeros(GRID, bool)
    inside.reshape(-1)[7 : 7 + N_UNITS] = True
    return inside


def colours(movie):
    """One colour for each half of each clip, (480, 3)."""
    return np.random.default_rng([8, *movie.encode()]).integers(20, 236, (480, 3), np.uint8)


def write_movies(root, fps=2):
    (Path(root) / "stimuli").mkdir()
    for _, movie in movies():
        shown = np.repeat(colours(movie), fps, axis=0)
        write_movie(Path(root) / "stimuli" / f"{movie}.mp4", shown, fps)


def write_movie(path, shown, fps):
    """Write a movie whose frames are of one colour each."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"qscale": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for colour in shown:
            picture = np.tile(colour, (16, 32, 1))
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
