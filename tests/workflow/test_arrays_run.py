"""A person's own files through the real pipeline: pictures, labels, own features."""

import numpy as np
import pytest
import yaml
from scipy.io import savemat
from sklearn.datasets import load_digits

from neurodecode.artifacts import read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.stimuli.objects64 import load_objects64

COMMON = {"evaluate": {"n_bootstrap": 200, "n_permutations": 500, "holdout": {"locked": False}},
          "responses": {"given": {"kind": "as_given"}}}  # fmt: skip
RIDGE = {"responses": "given", "decoder": "ridge"}


def digits(n):
    """Handwritten digits, (n, 24, 16) uint8, neither square nor 64 wide, and their names."""
    found = load_digits()
    small = (found.images[:n] / 16 * 255).astype(np.uint8)
    return np.kron(small, np.ones((3, 2), np.uint8)), found.target[:n]


def voxels(features, n_units, noise, rng):
    """Linear in the features, with noise of ``noise`` times the signal's SD."""
    signal = (features - features.mean(0)) @ rng.normal(size=(features.shape[1], n_units))
    signal /= signal.std()
    return (signal + noise * rng.normal(size=signal.shape)).astype(np.float32)


def drawn_from(name, generators, *, choose_by="pixels", **sections):
    """A study whose first system draws with the first generator, the others as baselines."""
    systems = [{**RIDGE, "generator": g, "role": "baseline", "sources": ["decoded"]}
               for g in generators]  # fmt: skip
    systems[0] |= {"role": "system", "sources": ["decoded", "true", "permuted", "mean"]}
    return {
        **COMMON, "name": name, "title": f"Study {name}",
        "generators": generators,
        "reconstruct": {"unit": "stimulus", "n_samples": 1, "choose_by": choose_by},
        "systems": systems, **sections,
    }  # fmt: skip


BASELINES = {
    "linear_pixels": {"kind": "linear_pixels"},
    "nearest": {"kind": "retrieval", "by": "pixels"},
    "prototype": {"kind": "prototype", "by": "pixels"},
    "mean_picture": {"kind": "mean_picture"},
    "random_picture": {"kind": "random_picture"},
}


def pictures_study():
    """Pictures one a stimulus, counted from 1, two repeats, test trials by an index."""
    rng = np.random.default_rng(0)
    pictures, names = digits(160)
    order = np.concatenate([rng.permutation(160) for _ in range(2)])
    x = pictures[order].reshape(len(order), -1) / 255
    np.savez("sub.npz", betas=voxels(x, 200, 1.0, rng), image=order + 1, digit=names[order],
             held_out=np.flatnonzero(order >= 120) + 1)  # fmt: skip
    np.save("pictures.npy", pictures)
    return drawn_from(
        "digits",
        BASELINES,
        data={
            "kind": "arrays", "simulated": True, "subjects": {"A": "sub.npz"},
            "shared": "pictures.npy", "index_base": 1,
            "keys": {"responses": "betas", "pictures": "pictures", "stimulus": "image",
                     "labels": "digit", "test_trials": "held_out"},
        },
        targets={"pixels": {"kind": "pixels", "size": 8}},
        decoders={"ridge": {"kind": "ridge", "targets": ["pixels"]}},
        design={"split": {"kind": "trial_set"}, "group": "stimulus"},
    )  # fmt: skip


def folds_study():
    """Colour pictures one a trial, k-fold over stimuli, an OpenCLIP target beside pixels."""
    rng = np.random.default_rng(1)
    pictures, _ = digits(60)
    colour = np.stack([pictures, pictures // 2, 255 - pictures], axis=-1)
    x = pictures.reshape(60, -1) / 255
    np.savez("folds.npz", x=voxels(x, 100, 0.5, rng), pictures=colour / 255)
    generators = {k: BASELINES[k] for k in ("linear_pixels", "nearest", "random_picture")}
    return drawn_from(
        "folds",
        generators,
        choose_by="semantic",
        data={"kind": "arrays", "subjects": {"01": "folds.npz"},
              "keys": {"responses": "x", "pictures": "pictures"}},
        targets={"pixels": {"kind": "pixels", "size": 8}, "semantic": {"kind": "openclip"}},
        decoders={"ridge": {"kind": "ridge", "targets": ["pixels", "semantic"]}},
        design={"split": {"kind": "stimulus_folds", "n_folds": 4}, "group": "stimulus"},
    )  # fmt: skip


def labels_study(name="labels", shuffled=False):
    """Labels in MATLAB's cell array, runs, nothing drawn."""
    rng = np.random.default_rng(2)
    classes = rng.permuted(np.tile(np.arange(4), (6, 5)), axis=1).ravel()
    runs = np.repeat(np.arange(1, 7), 20)
    x = voxels(np.eye(4)[classes], 300, 1.5, rng)
    shown = rng.permuted(classes.reshape(6, 20), axis=1).ravel() if shuffled else classes
    words = np.array(["face", "None", "house & <b>yard</b>", "Stuhl"], dtype=object)[shown]
    savemat(f"{name}.mat", {"X": x.astype(float), "y": words[:, None], "run": runs[:, None]})
    return {
        **COMMON, "name": name, "title": "Labels",
        "data": {"kind": "arrays", "subjects": {"01": f"{name}.mat"},
                 "keys": {"responses": "X", "labels": "y", "runs": "run"}},
        "decoders": {"ridge": {"kind": "ridge", "targets": []},
                     "lda": {"kind": "shrinkage_lda", "targets": []}},
        "design": {"split": {"kind": "leave_one_out", "column": "run"}, "group": "run"},
        "reconstruct": {"unit": "trial"},
        "systems": [RIDGE, {"responses": "given", "decoder": "lda"}],
    }  # fmt: skip


def features_study():
    """Own features and captions, two subjects of whom one lacks a session."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(80, 12))
    for who, n in (("01", 80), ("02", 64)):
        np.savez(f"{who}.npz", x=voxels(features[:n], 90, 0.7, rng), seen=np.arange(n),
                 session=np.repeat(list("abcde"), 16)[:n])  # fmt: skip
    np.savez("words.npz", f=features, said=[f"a thing, number {k}" for k in range(80)])
    return {
        **COMMON, "name": "features", "title": "Own features",
        "data": {"kind": "arrays", "subjects": {"01": ["01.npz"], "02": ["02.npz"]},
                 "shared": ["words.npz"], "index_base": 0,
                 "keys": {"responses": "x", "features": "f", "captions": "said",
                          "stimulus": "seen", "sessions": "session"}},
        "targets": {"mine": {"kind": "given"}},
        "decoders": {"ridge": {"kind": "ridge", "targets": ["mine"]}},
        "design": {"split": {"kind": "leave_one_out", "column": "session"}, "group": "stimulus"},
        "reconstruct": {"unit": "trial", "choose_by": "mine"},
        "systems": [RIDGE],
    }  # fmt: skip


def overlap_study():
    """Twelve pictures shown in each of four runs, which the study declares."""
    rng = np.random.default_rng(4)
    pictures, _ = digits(12)
    x = np.tile(pictures.reshape(12, -1) / 255, (4, 1))
    np.savez("overlap.npz", x=voxels(x, 80, 1.0, rng), p=np.tile(pictures, (4, 1, 1)),
             run=np.repeat(np.arange(4), 12))  # fmt: skip
    generators = {k: BASELINES[k] for k in ("nearest", "mean_picture")}
    return drawn_from(
        "overlap",
        generators,
        data={"kind": "arrays", "subjects": {"01": "overlap.npz"}, "allow_stimulus_overlap": True,
              "keys": {"responses": "x", "pictures": "p", "runs": "run"}},
        targets={"pixels": {"kind": "pixels", "size": 8}},
        decoders={"ridge": {"kind": "ridge", "targets": ["pixels"]}},
        design={"split": {"kind": "leave_one_out", "column": "run"}, "group": "run"},
    )  # fmt: skip


def prior_study():
    """Object pictures, and the embedded prior because the study asks for it."""
    rng = np.random.default_rng(5)
    pictures = load_objects64(("decoder", "test")).pixels[-180:]
    small = pictures.reshape(180, 8, 8, 8, 8, 3).mean(axis=(2, 4)).reshape(180, -1) / 255
    np.savez("prior.npz", x=voxels(small, 400, 0.5, rng), p=pictures, test=np.arange(150, 180))
    generators = {"embedded": {"kind": "embedded", "steps": 5},
                  "random_picture": {"kind": "random_picture"}}  # fmt: skip
    return drawn_from(
        "prior",
        generators,
        choose_by="semantic",
        data={"kind": "arrays", "subjects": {"01": "prior.npz"}, "index_base": 0,
              "keys": {"responses": "x", "pictures": "p", "test_trials": "test"}},
        targets={"semantic": {"kind": "openclip"}},
        decoders={"ridge": {"kind": "ridge", "targets": ["semantic"]}},
        design={"split": {"kind": "trial_set"}, "group": "stimulus"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of all studies, run through the command line."""
    folder = tmp_path_factory.mktemp("arrays")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        studies = [pictures_study(), folds_study(), labels_study(), labels_study("null", True),
                   features_study(), overlap_study(), prior_study()]  # fmt: skip
        write_config(folder, studies)
        for study in studies:
            for subject in study["data"]["subjects"]:
                run = ["reconstruct", "--study", study["name"], "--subject", subject]
                assert main(run) == 0
        assert main(["stage", "report"]) == 0
    return folder


def write_config(folder, studies):
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    for study in studies:
        path = folder / "config" / "studies" / f"{study['name']}.yaml"
        path.write_text(yaml.safe_dump(study))
    names = {"studies": [study["name"] for study in studies], "seed": 1}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(names))


def scores(folder, study, subject):
    table = read_table(folder / f"results/{study}/scores/sub-{subject}.tsv", text=("subject",))
    return table.set_index(["system", "source", "metric"]).sort_index()


def test_ridge_to_pixels_beats_what_uses_no_brain(finished):
    found = scores(finished, "digits", "A")
    ours = found.loc["given-ridge-linear_pixels", "decoded"]
    assert ours.loc["two_way_pixcorr", "value"] > 0.85
    assert ours.loc["two_way_pixcorr", "n"] == 40
    for other in ("mean_picture", "random_picture"):
        baseline = found.loc[f"given-ridge-{other}", "decoded"]
        for metric in ("two_way_pixcorr", "two_way_hog_colour", "pixcorr"):
            assert ours.loc[metric, "ci_low"] > baseline.loc[metric, "ci_high"]
    permuted = found.loc["given-ridge-linear_pixels", "permuted"]
    assert permuted.loc["two_way_pixcorr", "ci_low"] < 0.5 < permuted.loc["two_way_pixcorr",
                                                                          "ci_high"]  # fmt: skip
    true = found.loc["given-ridge-linear_pixels", "true"]
    assert true.loc["two_way_pixcorr", "value"] > 0.99
    assert true.loc["ssim", "value"] > ours.loc["ssim", "value"]
    accuracy = ours.loc["accuracy_10way"]
    assert accuracy["ci_low"] > 0.3 > accuracy["chance"] == 0.1
    prototype = found.loc["given-ridge-prototype", "decoded"]
    assert prototype.loc["two_way_pixcorr", "ci_low"] > 0.5


def test_folds_over_pictures_score_each_once_against_its_own_fold(finished):
    found = scores(finished, "folds", "01")
    ours = found.loc["given-ridge-linear_pixels", "decoded"]
    assert ours.loc["two_way_pixcorr", "n"] == 60
    assert ours.loc["two_way_pixcorr", "value"] > 0.9
    assert ours.loc["retrieval_top1", "chance"] == pytest.approx(1 / 15)
    assert ours.loc["retrieval_top1", "p"] < 0.05
    random = found.loc["given-ridge-random_picture", "decoded"]
    assert random.loc["two_way_pixcorr", "ci_low"] < 0.5 < random.loc["two_way_pixcorr", "ci_high"]
    assert "two_way_semantic" in ours.index
    items = read_table(finished / "results/folds/conditions/given-ridge/sub-01.tsv", text=("fold",))
    assert items["stimulus"].is_unique
    assert items["fold"].value_counts().tolist() == [15] * 4


def test_nothing_retrieved_was_tested_in_the_same_fold(finished):
    from neurodecode.artifacts import load_reconstruction

    sidecar = finished / "results/folds/pictures/given-ridge-nearest/decoded/sub-01.json"
    drawn = load_reconstruction(sidecar)
    pictures = np.load(finished / "folds.npz")["pictures"]
    shown = (np.rint(pictures * 255)).astype(np.uint8)
    row = {p.tobytes(): k for k, p in enumerate(shown)}
    retrieved = [row[p.tobytes()] for p in drawn.shown]
    own = {fold: {int(s[-5:]) for s in part} for fold, part in
           drawn.table.groupby("fold")["stimulus"]}  # fmt: skip
    for fold, k in zip(drawn.table["fold"], retrieved, strict=True):
        assert k not in own[fold]


def test_labels_are_decoded_above_chance_and_shuffled_ones_are_not(finished):
    for system in ("given-ridge-decoding", "given-lda-decoding"):
        row = scores(finished, "labels", "01").loc[system, "decoded", "accuracy_4way"]
        assert row["value"] > 0.6
        assert row["ci_low"] > row["chance"] == 0.25
        assert row["p"] < 0.01
        row = scores(finished, "null", "01").loc[system, "decoded", "accuracy_4way"]
        assert row["value"] < 0.37  # 3 SD of guessing 120 trials
        assert row["p"] > 0.01


def test_own_features_are_decoded_in_both_subjects(finished):
    for subject, n in (("01", 80), ("02", 64)):
        row = scores(finished, "features", subject).loc["given-ridge-decoding", "decoded"]
        assert row.loc["retrieval_two_way", "value"] > 0.85
        assert row.loc["retrieval_two_way", "n"] == n
        assert row.loc["retrieval_top1", "p"] < 0.01


def test_the_report_shows_pictures_only_where_there_are_some(finished):
    page = (finished / "results/report/index.html").read_text(encoding="utf-8")
    part = {name: page.split(f'id="{name}"')[1].split('<section class="study"')[0]
            for name in ("digits", "folds", "labels", "features", "overlap")}  # fmt: skip
    assert "Best" in part["digits"]
    assert "Simulated brains" in part["digits"]
    assert "Pictures: best" in part["folds"]
    for name in ("labels", "features"):
        assert "Pictures: best" not in part[name]
        assert "none was drawn" in part[name]
    assert "Decoded above chance" in part["labels"]
    assert "4-way accuracy" in part["labels"]
    assert "decoded features are more like" in part["features"]
    assert "folds over stimuli" in part["folds"]


def test_overlap_that_is_declared_is_told_in_red(finished):
    page = (finished / "results/report/index.html").read_text(encoding="utf-8")
    assert page.count('class="banner red"') == 2  # in the summary and in the study's part
    assert "allow_stimulus_overlap" in page.split('id="overlap"')[1]
    found = scores(finished, "overlap", "01")
    assert found.loc["given-ridge-nearest", "decoded", "two_way_pixcorr"]["value"] > 0.7


def test_the_embedded_prior_draws_objects_where_a_study_asks_for_it(finished):
    found = scores(finished, "prior", "01")
    ours = found.loc["given-ridge-embedded", "decoded"]
    random = found.loc["given-ridge-random_picture", "decoded"]
    for metric in ("two_way_semantic", "two_way_pixcorr"):
        assert ours.loc[metric, "n"] == 30
        assert ours.loc[metric, "ci_low"] > random.loc[metric, "ci_high"]
    assert set(found.index.get_level_values("source")) == {"decoded", "true", "permuted", "mean"}


def test_targets_follow_their_files(finished):
    inputs = read_sidecar(finished / "results/digits/targets/pixels.json").inputs
    assert {name.rpartition("/")[2] for name in inputs} == {"sub.npz", "pictures.npy"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["data"].update(subjects={"01": "none.npz"}), "none.npz: no such file"),
        (lambda s: s["data"]["keys"].update(responses="X"), r"keys.responses: no array 'X'"),
        (lambda s: s["data"].update(allow_stimulus_overlap=False), "12 of the same pictures"),
        (lambda s: s["design"].update(split={"kind": "trial_set"}), "keys.test_trials"),
        (
            lambda s: s.update(generators={"nearest": {"kind": "retrieval", "by": "semantic"}},
                               targets={"semantic": {"kind": "given"}},
                               decoders={"ridge": {"kind": "ridge", "targets": ["semantic"]}},
                               reconstruct={"unit": "trial"}, systems=s["systems"][:1]),
            "keys.features",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message_and_code_2(
    finished, tmp_path, monkeypatch, capsys, change, message
):
    monkeypatch.chdir(finished)
    study = yaml.safe_load((finished / "config/studies/overlap.yaml").read_text())
    change(study)
    write_config(tmp_path, [study])
    out = tmp_path / "results"
    code = main(["reconstruct", "--study", "overlap", "--subject", "01",
                 "--config", str(tmp_path / "config/config.yaml"), "--out", str(out)])  # fmt: skip
    shown = capsys.readouterr().err
    assert code == 2
    assert message in shown
    assert "Traceback" not in shown
    assert not list(out.rglob("*.part"))
    assert not list(out.rglob("scores/*"))
