"""Single-trial betas against least squares written out, nilearn, and betas that were put in."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.glm.first_level import make_first_level_design_matrix, run_glm
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from pydantic import TypeAdapter, ValidationError

from neurodecode.contracts import Recording
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.glm import Glm, lsa, lss
from neurodecode.preprocess.glm_library import (
    GlmLibrary,
    Prior,
    learn_prior,
    ridge_model,
    whiten,
)
from neurodecode.preprocess.hrf import library, regressors, standard
from neurodecode.preprocess.noise_regressors import noise_regressors
from neurodecode.preprocess.runs import prepared_runs, project
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.preprocess.window import Window
from neurodecode.registry import make

TR, N_VOLUMES, N_TRIALS = 2.0, 130, 24
HIGH_PASS = 1 / 128
EVERY = [
    Glm("lsa", "glover", HIGH_PASS, percent=False),
    Glm("lss", "glover", HIGH_PASS, percent=False),
    GlmLibrary(HIGH_PASS, percent=False, max_noise_regressors=5),
    Window(4, 8, mean=True, high_pass=HIGH_PASS, percent=False),
]


def scanned(noise=0.0, n_runs=3, n_units=40, curve=None, ar=0.0, gap=10.0):
    """A recording and its true betas (n_trials, n_units)."""
    rng = np.random.default_rng(5)
    times = np.arange(N_VOLUMES) * TR
    curve = curve or standard("glover")
    betas = 2 + rng.normal(size=(n_runs * N_TRIALS, n_units))
    parts, events = [], []
    for run in range(n_runs):
        onsets = 6 + gap * np.arange(N_TRIALS) + rng.uniform(0, 1, N_TRIALS)
        courses = regressors(curve, onsets, np.full(N_TRIALS, 2.0), times)
        errors = noise * rng.normal(size=(N_VOLUMES, n_units))
        for t in range(1, N_VOLUMES):
            errors[t] += ar * errors[t - 1]
        drift = rng.normal(size=(3, n_units)) * 5
        slow = create_cosine_drift(HIGH_PASS, times)[:, :3] @ drift
        parts.append(100 + slow + courses @ betas[run * N_TRIALS :][:N_TRIALS] + errors)
        events.append(
            pd.DataFrame({"onset": onsets, "duration": 2.0, "run": run,
                          "stimulus": [f"p{k}" for k in rng.permutation(N_TRIALS)],
                          "category": ""})
        )  # fmt: skip
    recording = Recording(
        data=np.concatenate(parts).astype(np.float32),
        times=np.tile(times, n_runs),
        runs=np.repeat(np.arange(n_runs), N_VOLUMES),
        events=pd.concat(events, ignore_index=True),
        units=pd.DataFrame({"unit": [f"u{k}" for k in range(n_units)], "roi": "all"}),
        participant_id="01",
        sfreq=1 / TR,
    )
    return recording, betas


def test_betas_without_noise_are_found_again():
    recording, betas = scanned()
    found = EVERY[0].estimate(recording)
    np.testing.assert_allclose(found.data, betas, atol=2e-3)
    assert found.transductive
    assert found.trials["stimulus"].tolist() == recording.events["stimulus"].tolist()


def test_in_percent_of_the_runs_mean():
    recording, _ = scanned()
    plain = EVERY[0].estimate(recording).data
    percent = Glm("lsa", "glover", HIGH_PASS, percent=True).estimate(recording).data
    mean = np.stack([recording.data[recording.runs == run].mean(axis=0) for run in range(3)])
    np.testing.assert_allclose(percent, 100 * plain / np.repeat(mean, N_TRIALS, axis=0), rtol=1e-3)
    centred = replace(recording, data=recording.data - recording.data.mean(axis=0))
    with pytest.raises(DataError, match="percent: false"):
        Glm("lsa", "glover", HIGH_PASS, percent=True).estimate(centred)


def test_lsa_is_least_squares_of_the_whole_design():
    recording, _ = scanned(noise=1.0)
    motion = pd.DataFrame(np.random.default_rng(0).normal(size=(len(recording.data), 3)))
    found = EVERY[0].estimate(replace(recording, confounds=motion)).data
    for run in range(3):
        rows = recording.runs == run
        part = recording.events[recording.events["run"] == run]
        times = recording.times[rows]
        courses = regressors(
            standard("glover"), part["onset"].to_numpy(), part["duration"].to_numpy(), times
        )
        design = np.concatenate(
            [courses, create_cosine_drift(HIGH_PASS, times), motion[rows]], axis=1
        )
        wanted = np.linalg.lstsq(design, recording.data[rows].astype(float), rcond=None)[0]
        np.testing.assert_allclose(found[part.index], wanted[:N_TRIALS], atol=1e-4)


def test_lsa_beside_nilearns_own_model():
    recording, _ = scanned(noise=1.0, n_runs=1)
    events = recording.events.assign(trial_type=[f"t{k:02d}" for k in range(N_TRIALS)])
    design = make_first_level_design_matrix(
        recording.times, events[["onset", "duration", "trial_type"]], hrf_model="glover",
        drift_model="cosine", high_pass=HIGH_PASS,
    )  # fmt: skip
    labels, results = run_glm(recording.data.astype(float), design.to_numpy(), "ols")
    theirs = np.concatenate([results[label].theta for label in np.unique(labels)], axis=1)
    ours = EVERY[0].estimate(recording).data
    for unit in range(0, 40, 10):
        assert np.corrcoef(ours[:, unit], theirs[:N_TRIALS, unit])[0, 1] > 0.995


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(0, 100))
def test_lss_is_one_model_a_trial(n_trials, seed):
    rng = np.random.default_rng(seed)
    courses, signal = rng.normal(size=(30, n_trials)), rng.normal(size=(30, 4))
    found = lss(courses, signal)
    for k in range(n_trials):
        others = np.delete(courses, k, axis=1).sum(axis=1, keepdims=True)
        design = np.concatenate([courses[:, [k]], others[:, : n_trials - 1]], axis=1)
        wanted = np.linalg.lstsq(design, signal, rcond=None)[0][0]
        np.testing.assert_allclose(found[k], wanted, atol=1e-8)


def test_lss_of_one_trial_is_lsa():
    rng = np.random.default_rng(1)
    courses, signal = rng.normal(size=(30, 1)), rng.normal(size=(30, 4))
    np.testing.assert_allclose(lss(courses, signal), lsa(courses, signal))


def test_scrubbed_volumes_do_not_matter_and_are_counted():
    recording, betas = scanned()
    kept = np.ones(len(recording.data), bool)
    kept[[30, 31, 170]] = False
    spoilt = recording.data.copy()
    spoilt[~kept] = 1e4
    for estimator in EVERY[:3]:
        with pytest.warns(DataWarning, match="3 of 390 volumes were scrubbed; most in run 0"):
            found = estimator.estimate(replace(recording, data=spoilt, kept=kept)).data
        with pytest.warns(DataWarning):
            clean = estimator.estimate(replace(recording, kept=kept)).data
        np.testing.assert_array_equal(found, clean)
        assert np.corrcoef(found.ravel(), betas.ravel())[0, 1] > 0.9


def test_a_trial_without_volumes_is_dropped_and_counted():
    recording, betas = scanned()
    start = recording.events["onset"][3]
    kept = ~((recording.runs == 0) & (np.abs(recording.times - start - 8) < 9))
    for other in EVERY[1:3]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            betas_of_other = other.estimate(replace(recording, kept=kept)).data
        assert betas_of_other.shape == (71, 40)
        assert np.isfinite(betas_of_other).all()
    with pytest.warns(DataWarning) as caught:
        found = EVERY[0].estimate(replace(recording, kept=kept))
    assert any("1 of 72 trials were dropped" in str(w.message) for w in caught)
    assert found.data.shape == (71, 40)
    assert found.trials["trial"].tolist()[:4] == [f"run-00_block-0{k}" for k in (0, 1, 2, 4)]
    np.testing.assert_allclose(found.data[3:], betas[4:], atol=5e-3)


def test_every_estimator_keeps_the_same_trials():
    """One rule, whatever is scrubbed: sections of responses must hold the same trials."""
    recording, _ = scanned(noise=0.5)
    rng = np.random.default_rng(8)
    kept = rng.random(len(recording.data)) > 0.15
    start = recording.events["onset"][3]
    kept &= ~((recording.runs == 0) & (np.abs(recording.times - start - 8) < 9))
    scrubbed = replace(recording, kept=kept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        trials = [e.estimate(scrubbed).trials["trial"].tolist() for e in EVERY]
    assert len(trials[0]) < 72
    assert all(found == trials[0] for found in trials)


def test_a_scrubbed_volume_of_a_window_is_interpolated_and_counted():
    recording, _ = scanned()
    first = round((recording.events["onset"][0] + 6) / TR)
    kept = np.arange(len(recording.data)) != first
    spoilt = recording.data.copy()
    spoilt[first] = 1e4
    each = Window(4, 8, mean=False, high_pass=0, percent=False)
    with pytest.warns(DataWarning) as caught:
        found = each.estimate(replace(recording, data=spoilt, kept=kept))
    assert any("1 volumes of trials that are kept" in str(w.message) for w in caught)
    values = found.data[0].reshape(3, 40)
    way = (recording.events["onset"][0] + 6 - (first - 1) * TR) / (2 * TR)
    np.testing.assert_allclose(values[1], (1 - way) * values[0] + way * values[2], atol=1e-3)
    assert np.isfinite(found.data).all()


def test_no_trial_left():
    recording, _ = scanned(n_runs=1)
    last = recording.events.assign(onset=[N_VOLUMES * TR - 1.0] * N_TRIALS)
    for estimator in (EVERY[0], EVERY[3]):
        with pytest.raises(DataError, match="no trial"):
            estimator.estimate(replace(recording, events=last))


@pytest.mark.parametrize("estimator", EVERY, ids=lambda e: type(e).__name__)
def test_what_cannot_give_betas(estimator):
    recording, _ = scanned(n_runs=1)
    with pytest.raises(DataError, match="no event"):
        estimator.estimate(replace(recording, events=recording.events[:0]))
    late = recording.events.assign(onset=recording.events["onset"] + 100)
    with pytest.raises(DataError, match=r"run 0: .* start outside the run"):
        estimator.estimate(replace(recording, events=late))
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(N_VOLUMES, 120)))
    with pytest.raises(DataError, match="130 volumes are kept, for 24 trials"):
        estimator.estimate(replace(recording, confounds=many))
    many.iloc[3, 3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        estimator.estimate(replace(recording, confounds=many))
    given_already = EVERY[0].estimate(recording)
    with pytest.raises(ConfigError, match="as_given"):
        estimator.estimate(given_already)


def test_the_library_finds_the_response_and_nearly_the_betas():
    for number in (4, 10, 16):
        curve = library()[number]
        recording, betas = scanned(noise=0.05, curve=curve, gap=9.0)
        found = EVERY[2].estimate(recording)
        assert (found.units["hrf"] == curve.name).mean() > 0.9
        assert np.corrcoef(found.data.ravel(), betas.ravel())[0, 1] > 0.99


def test_no_ridge_without_noise_and_much_with_much():
    quiet, _ = scanned(noise=0.01)
    loud, betas = scanned(noise=4.0, gap=4.0)
    assert EVERY[2].estimate(quiet).units["fraction"].min() > 0.99
    found = EVERY[2].estimate(loud)
    assert found.units["fraction"].median() < 0.6
    plain = EVERY[0].estimate(loud).data
    assert np.mean((found.data - betas) ** 2) < 0.5 * np.mean((plain - betas) ** 2)


@pytest.mark.parametrize("ar", [0.0, 0.3, 0.6])
def test_the_noises_coefficient_is_found(ar):
    recording, _ = scanned(noise=1.0, ar=ar)
    runs = list(prepared_runs(recording, HIGH_PASS, percent=False))
    assert learn_prior(runs).coefficient == pytest.approx(ar, abs=0.06)


def test_a_shift_between_runs_is_found():
    recording, betas = scanned(noise=0.5, n_runs=6)
    runs = list(prepared_runs(recording, HIGH_PASS, percent=False))
    assert learn_prior(runs).shift == 0
    shift = np.random.default_rng(2).normal(size=(6, 40)).repeat(N_TRIALS, axis=0)
    moved = recording.data.astype(float)
    for run in runs:
        courses = regressors(standard("glover"), run.onsets, run.durations, run.times)
        moved[recording.runs == run.name] += courses @ shift[run.events]
    shifted = replace(recording, data=moved.astype(np.float32))
    prior = learn_prior(list(prepared_runs(shifted, HIGH_PASS, percent=False)))
    assert prior.shift >= 0.3
    found = EVERY[2].estimate(shifted).data
    assert np.mean((found - betas - shift) ** 2) < 0.2


def test_the_prior_of_a_shift_is_a_change_of_coordinates():
    recording, _ = scanned(noise=1.0, n_runs=1)
    run = whiten(next(prepared_runs(recording, HIGH_PASS, percent=False)), 0.2)
    prior, strength = Prior(0.2, 0.5), 2.0
    model, seen = ridge_model(run, standard("glover"), prior)
    assert seen.all()
    courses = (model.left * model.values) @ np.linalg.pinv(model.right).T
    covariance = np.eye(N_TRIALS) + 0.5
    wanted = np.linalg.solve(
        courses.T @ courses + strength * np.linalg.inv(covariance), courses.T @ run.signal
    )
    shrunk = (model.values / (model.values**2 + strength))[:, None] * (model.left.T @ run.signal)
    np.testing.assert_allclose(model.right.T @ shrunk, wanted, atol=1e-6)
    np.testing.assert_allclose(model.left @ model.mean, courses.sum(axis=1), atol=1e-6)


def test_noise_that_idle_units_share_is_taken_out():
    recording, betas = scanned(noise=0.5, n_units=80)
    rng = np.random.default_rng(3)
    data = recording.data.astype(float)
    rows = [np.flatnonzero(recording.runs == run) for run in range(3)]
    shared = np.concatenate([rng.normal(size=(N_VOLUMES, 2)) for _ in rows])
    data[:, 40:] = 100 + 0.5 * rng.normal(size=(len(data), 40))  # respond to nothing
    data += shared @ (3 * rng.normal(size=(2, 80)))
    noisy = replace(recording, data=data.astype(np.float32))
    runs = list(prepared_runs(noisy, HIGH_PASS, percent=False))
    assert noise_regressors(runs, 5)[0].shape[1] >= 2
    with_, without = (
        GlmLibrary(HIGH_PASS, False, most).estimate(noisy).data[:, :40] for most in (5, 0)
    )
    errors = [np.mean((found - betas[:, :40]) ** 2) for found in (with_, without)]
    assert errors[0] < 0.5 * errors[1]


def test_no_noise_regressor_where_none_can_be_judged():
    recording, _ = scanned(n_runs=1)
    runs = list(prepared_runs(recording, HIGH_PASS, percent=False))
    assert noise_regressors(runs, 5) == []


def test_betas_do_not_depend_on_what_was_shown():
    recording, _ = scanned(noise=2.0)
    renamed = recording.events.assign(stimulus="x", category=list("ab") * 36)
    for estimator in EVERY:
        np.testing.assert_array_equal(
            estimator.estimate(recording).data,
            estimator.estimate(replace(recording, events=renamed)).data,
        )


def test_a_window_is_the_nearest_volumes():
    recording, _ = scanned()
    each = Window(4, 8, mean=False, high_pass=0, percent=False).estimate(recording)
    assert each.data.shape == (72, 3 * 40)
    run = recording.data[recording.runs == 0].astype(float)
    first = round((recording.events["onset"][0] + 4) / TR)
    wanted = (run - run.mean(axis=0))[first : first + 3]
    np.testing.assert_allclose(each.data[0].reshape(3, 40), wanted, atol=1e-3)
    assert each.units["unit"].tolist()[::40] == ["u0_4s", "u0_6s", "u0_8s"]
    mean = Window(4, 8, mean=True, high_pass=0, percent=False).estimate(recording)
    np.testing.assert_allclose(mean.data[0], wanted.mean(axis=0), atol=1e-3)


def test_sessions_and_sets_of_the_events_reach_the_trials():
    recording, _ = scanned()
    events = recording.events.assign(session="pre", set="test", labelled=True)
    trials = EVERY[0].estimate(replace(recording, events=events)).trials
    assert (trials["session"] == "pre").all()
    assert (trials["set"] == "test").all()
    assert trials["labelled"].all()


def test_projection_leaves_nothing_of_the_basis():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(20, 3)))[0]
    assert np.abs(basis.T @ project(rng.normal(size=(20, 5)), basis)).max() < 1e-12


def test_settings_make_each_estimator():
    adapter = TypeAdapter(EstimatorSettings)
    for kind, wanted in (("glm", Glm), ("glm_library", GlmLibrary), ("window", Window)):
        assert isinstance(make("estimator", adapter.validate_python({"kind": kind})), wanted)
    with pytest.raises(ValidationError, match="stop must not be before start"):
        adapter.validate_python({"kind": "window", "start": 5, "stop": 4})
