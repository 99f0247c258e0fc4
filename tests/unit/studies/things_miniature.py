"""The published tree of THINGS-EEG2 with few pictures: names, types and axes alike."""

from pathlib import Path

import numpy as np
from PIL import Image
from pybv import write_brainvision
from scipy.io import savemat

COUNTS = {"training": (12, 4), "test": (5, 8)}
CHANNELS = [
    "Fp1", "F3", "F7", "FT9", "FC5", "FC1", "C3", "T7", "TP9", "CP5", "CP1", "Pz", "P3", "P7",
    "O1", "Oz", "O2", "P4", "P8", "TP10", "CP6", "CP2", "Cz", "C4", "T8", "FT10", "FC6", "FC2",
    "F4", "F8", "Fp2", "AF7", "AF3", "AFz", "F1", "F5", "FT7", "FC3", "FCz", "C1", "C5", "TP7",
    "CP3", "P1", "P5", "PO7", "PO3", "POz", "PO4", "PO8", "P6", "P2", "CPz", "CP4", "TP8", "C6",
    "C2", "FC4", "FT8", "F6", "F2", "AF4", "AF8",
]  # fmt: skip
POSTERIOR = [name for name in CHANNELS if name[0] in "OP"]
TIMES = np.arange(-0.2, 0.8, 0.01)


def pictures():
    """File and concept of each picture: training concepts have several, test concepts one."""
    n_train, n_test = COUNTS["training"][0], COUNTS["test"][0]
    train = [(f"{k // 3 + 1:05d}_thing{k // 3}", f"thing{k // 3}_{k % 3 + 1:02d}s.jpg")
             for k in range(n_train)]  # fmt: skip
    test = [(f"{k + 1:05d}_ice_cream{k}", f"ice_cream{k}_09s.jpg") for k in range(n_test)]
    return {"training": train, "test": test}


def write_images(root):
    folder = Path(root) / "image_set"
    rng, known = np.random.default_rng(3), {}
    for part, rows in pictures().items():
        short = "train" if part == "training" else part
        known[f"{short}_img_concepts"] = [concept for concept, _ in rows]
        known[f"{short}_img_files"] = [file for _, file in rows]
        for concept, file in rows:
            place = folder / f"{part}_images" / concept
            place.mkdir(parents=True, exist_ok=True)
            blocks = rng.integers(0, 256, (4, 4, 3), np.uint8)
            Image.fromarray(np.kron(blocks, np.ones((10, 10, 1), np.uint8))).save(place / file)
    np.save(folder / "image_metadata.npy", known)


def draw_epochs(part, channels=POSTERIOR):
    rng = np.random.default_rng([1, *part.encode()])
    n, repeats = COUNTS[part]
    own = rng.normal(size=(n, 1, len(channels), len(TIMES)))
    return own + rng.normal(size=(n, repeats, len(channels), len(TIMES)))


def write_preprocessed(root, epochs=draw_epochs, subject="01"):
    folder = Path(root) / "eeg_dataset" / "preprocessed_data" / f"sub-{subject}"
    folder.mkdir(parents=True, exist_ok=True)
    for part in COUNTS:
        value = {
            "preprocessed_eeg_data": epochs(part), "ch_names": list(POSTERIOR), "times": TIMES,
        }  # fmt: skip
        np.save(folder / f"preprocessed_eeg_{part}.npy", value)


def shown(part, session):
    """Numbers (from 1) that a session showed, in their order, targets among them.

    A session shows half of the training pictures twice, and all test pictures.
    """
    n, repeats = COUNTS[part]
    rng = np.random.default_rng([session, *part.encode()])
    own = np.arange(1, n + 1)
    if part == "training":
        own, repeats = own[session % 2 :: 2], 2 * repeats
    return np.insert(rng.permutation(np.repeat(own, repeats // 4)), 2, 99_999)


def write_raw(root, subject="01", every=200):
    """Write four sessions, a picture each ``every`` ms; returns signal and stimulus channels."""
    made = {}
    for session in (1, 2, 3, 4):
        folder = Path(root) / "eeg_dataset/raw_data" / f"sub-{subject}" / f"ses-{session:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for part in COUNTS:
            numbers = shown(part, session)
            rng = np.random.default_rng([9, session, *part.encode()])
            stim = np.zeros(every * (len(numbers) + 8))
            stim[3 * every + every * np.arange(len(numbers))] = numbers
            signal = rng.normal(scale=1e-5, size=(63, len(stim)))
            value = {
                "raw_eeg_data": np.vstack([signal, stim]), "ch_names": [*CHANNELS, "stim"],
                "ch_types": ["eeg"] * 63 + ["stim"], "sfreq": 1000, "highpass": 0.01,
                "lowpass": 100,
            }  # fmt: skip
            np.save(folder / f"raw_eeg_{part}.npy", value)
            made[session, part] = value
    return made


def write_behaviour(path, numbers):
    """Write what was shown, as MATLAB saves a struct of three fields; zero is a target."""
    images = np.zeros((1, len(numbers)), [("block", object), ("tot_img_number", object)])
    for k, number in enumerate(numbers):
        images[0, k] = (1.0, float(number))
    fields = {"paradigm_info": {"SOA": 0.2}, "subject_info": {"session": 1}, "images": images}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"data": fields})


def write_source(root, made, subject="01"):
    """Write the BrainVision recordings of raw sessions, training in five parts."""
    top = Path(root) / "eeg_dataset" / "source_data" / f"sub-{subject}"
    for (session, part), value in made.items():
        place, name = top / f"ses-{session:02d}", f"sub-{subject}_ses-{session:02d}"
        task, n_parts = ("train", 5) if part == "training" else (part, 1)
        data = value["raw_eeg_data"]
        chunks = np.array_split(np.flatnonzero(data[-1]), n_parts)
        edges = [0, *(chunk[0] - 60 for chunk in chunks[1:]), data.shape[1]]
        for k in range(n_parts):
            own = data[:, edges[k] : edges[k + 1]]
            samples = np.flatnonzero(own[-1])
            numbers = own[-1, samples].astype(int)
            stem = f"{name}_task-{task}" + (f"_part-{k + 1:02d}" if n_parts > 1 else "")
            (place / "eeg").mkdir(parents=True, exist_ok=True)
            events = [{"onset": int(s), "description": int(n) % 99 + 1}
                      for s, n in zip(samples, numbers, strict=True)]  # fmt: skip
            write_brainvision(
                data=own[:63], sfreq=1000, ch_names=CHANNELS, fname_base=f"{stem}_eeg",
                folder_out=str(place / "eeg"), events=events, resolution=0.1,
                meas_date="20200101120000000000",  # it marks its own start
            )  # fmt: skip
            write_behaviour(
                place / "beh" / f"{stem}_beh.mat", np.where(numbers == 99_999, 0, numbers)
            )
