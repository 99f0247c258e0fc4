"""DemoVAE: what its code hides and keeps, on people it has not seen; saving, resuming, mistakes."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.deconfound import training
from neurodecode.deconfound.counterfactuals import check_counterfactuals, group_difference
from neurodecode.deconfound.demovae import DemoVAE
from neurodecode.deconfound.demovae_loss import _dependence, _moments
from neurodecode.deconfound.demovae_model import Front
from neurodecode.deconfound.demovae_network import erased_directions, log_spread, start
from neurodecode.deconfound.subspace import SubspaceProjection
from neurodecode.errors import ConfigError, DataError, NotIdentifiable

N, FEATURES, STRENGTH = 600, 60, 2.5
SETTINGS = {"n_components": 30, "latent_dim": 20, "hidden": 32, "steps": 100, "seed": 1}


def people(n=N, seed=0):
    """Features of rank 20 and noise; age, sex and site move means, sex also the spread."""
    rng = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    loadings = world.normal(size=(20, FEATURES))
    pattern = world.normal(size=(4, FEATURES)) * (world.random((4, FEATURES)) < 0.4)
    table = pd.DataFrame({
        "age": rng.uniform(20, 80, n), "sex": rng.choice(["F", "M"], n),
        "site": rng.choice(["a", "b", "c"], n),
    })  # fmt: skip
    label = rng.normal(size=n)
    male = (table["sex"] == "M").to_numpy(float)
    own = rng.normal(size=(n, 20)) * np.exp(0.3 * (male - 0.5))[:, None]
    own[:, 0] = label
    design = np.column_stack([(table["age"] - 50) / 17, male, pd.get_dummies(table["site"])])[:, :4]
    X = own @ loadings + STRENGTH * design @ pattern + rng.normal(size=(n, FEATURES))
    return X.astype(np.float32), table, label


@pytest.fixture(scope="module")
def trained():
    X, table, _ = people()
    return DemoVAE(**SETTINGS).fit(X, demographics=table)


def accuracy(probe, B, C, of):
    (Z, y), (Z2, y2) = B, C
    return probe.fit(Z, y[of]).score(Z2, y2[of])


@pytest.mark.parametrize("what", ["latents", "transform"])
def test_probes_of_people_it_has_not_seen_find_nothing(trained, what):
    sets = [people(500, seed) for seed in (5, 6)]
    B, C = [(getattr(trained, what)(X, demographics=t), t) for X, t, _ in sets]
    rawB, rawC = [(X, t) for X, t, _ in sets]
    linear = LogisticRegression(C=0.1, max_iter=2000)
    assert accuracy(linear, rawB, rawC, "sex") > 0.9
    assert abs(accuracy(linear, B, C, "sex") - 0.5) < 0.09
    assert abs(accuracy(SVC(), B, C, "sex") - 0.5) < 0.1
    assert abs(accuracy(linear, B, C, "site") - 1 / 3) < 0.1
    ridge = RidgeCV(np.geomspace(1, 1e5, 9)).fit(B[0], B[1]["age"])
    assert abs(ridge.score(C[0], C[1]["age"])) < 0.06
    kept = RidgeCV(np.geomspace(1, 1e5, 9)).fit(B[0], sets[0][2])
    assert kept.score(C[0], sets[1][2]) > 0.6


def test_transform_keeps_the_space_and_rebuilds_most_of_it(trained):
    X, table, _ = people(200, 7)
    out = trained.transform(X, demographics=table)
    assert out.shape == X.shape
    assert out.dtype == np.float32
    own = trained.counterfactual(X, demographics=table, to=table)
    assert np.allclose(own, X, atol=1e-4)
    assert trained.latents(X, demographics=table).shape == (200, 20)


def test_the_average_person_of_the_training_group_is_the_neutral_one(trained):
    X, table, _ = people()
    assert np.allclose(trained.transform(X, demographics=table).mean(axis=0), X.mean(axis=0),
                       atol=0.3 * X.std())  # fmt: skip


def test_drawn_people_differ_as_real_groups_do_and_repeat_nobody(trained):
    X, table, _ = people(8000, 8)
    drawn = trained.sample(8000, demographics=table, seed=3)
    true = group_difference(X, table["sex"], "M", "F")
    found = group_difference(drawn, table["sex"], "M", "F")
    assert np.sqrt(((found - true) ** 2).mean()) < 0.5 * np.sqrt((true**2).mean())
    assert np.allclose(drawn.std(axis=0), X.std(axis=0), rtol=0.25)
    assert np.array_equal(drawn, trained.sample(8000, demographics=table, seed=3))
    assert not np.array_equal(drawn, trained.sample(8000, demographics=table, seed=4))
    seen = people()[0]
    nearest = np.sqrt(((drawn[:200, None] - seen) ** 2).sum(axis=2)).min(axis=1)
    apart = np.sqrt(((X[:200, None] - seen) ** 2).sum(axis=2)).min(axis=1)
    assert np.quantile(nearest, 0.05) > 0.8 * np.quantile(apart, 0.05)


def test_counterfactual_people_pass_the_four_checks(trained):
    X, table, _ = people(600, 9)
    real, known, theirs = people(600, 10)
    sex = LogisticRegression(C=0.1, max_iter=2000).fit(real, known["sex"])
    other = RidgeCV(np.geomspace(1, 1e5, 9)).fit(real, theirs)
    to = table.assign(sex=np.where(table["sex"] == "M", "F", "M"))
    found = check_counterfactuals(
        trained, X, demographics=table, to=to, column="sex", predictor=sex.predict,
        unrelated=other.predict,
    )  # fmt: skip
    assert found.composition < 1e-4
    assert found.before > 0.9
    assert found.effectiveness > 0.85
    assert found.reversibility < 0.3 * found.moved
    assert found.kept > 0.95
    with pytest.raises(DataError, match="one change at a time"):
        check_counterfactuals(
            trained, X, demographics=table, to=to.assign(age=50.0), column="sex",
            predictor=sex.predict, unrelated=other.predict,
        )  # fmt: skip


def test_state_goes_through_safetensors(trained, tmp_path):
    X, table, _ = people(50, 11)
    save_arrays(tmp_path / "m.safetensors", trained.state())
    again = DemoVAE().restore(load_arrays(tmp_path / "m.safetensors"))
    for method in ("transform", "latents"):
        first, second = (getattr(m, method)(X, demographics=table) for m in (trained, again))
        assert np.array_equal(first, second)
    pair = [m.sample(50, demographics=table) for m in (trained, again)]
    assert np.array_equal(*pair)
    arrays = {k: v for k, v in trained.state().items() if k != "front.mean"}
    with pytest.raises(DataError, match=r"front\.mean missing"):
        DemoVAE().restore(arrays)


@pytest.mark.parametrize("method", [DemoVAE, SubspaceProjection])
def test_a_killed_fit_goes_on_bit_for_bit(method, tmp_path, monkeypatch):
    X, table, _ = people(200)
    settings = {**SETTINGS, "steps": 60, "every": 10, "patience": 100}
    whole = method(**settings).fit(X, demographics=table)
    step, left = training._step, iter(range(35))

    def killed(*args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        step(*args)

    monkeypatch.setattr(training, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        method(**settings, checkpoints=tmp_path).fit(X, demographics=table)
    done = []
    monkeypatch.setattr(training, "_step", lambda *a: (done.append(1), step(*a)))
    again = method(**settings, checkpoints=tmp_path).fit(X, demographics=table)
    assert len(done) == 60 - 30 + int(again.steps_)
    for name, value in whole.state().items():
        assert np.array_equal(value, again.state()[name]), name
    other = method(**settings, checkpoints=tmp_path).fit(X + 1, demographics=table)
    assert other.steps_ > 0  # another's checkpoint is not gone on from
    for kept in tmp_path.glob(f"{method.stream}-all-*.safetensors"):
        kept.write_bytes(b"no")
    with pytest.raises(DataError, match="damaged checkpoint"):
        method(**settings, checkpoints=tmp_path).fit(X, demographics=table)


def test_terms_of_the_loss_do_not_grow_with_the_batch_and_see_conditional_variance():
    rng = np.random.default_rng(0)

    class Half:
        scale, shares = torch.tensor([0.5]), torch.tensor([1.0])

    for n in (20_000, 40_000):
        male = torch.from_numpy((rng.random(n) < 0.5).astype(np.float32))[:, None]
        code = torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32))
        assert _moments(code) < 0.01
        assert float(_moments(2 * code)) == pytest.approx(9, rel=0.1)
        linear, conditional = _dependence(code, male, Half)
        assert linear < 0.001
        assert conditional < 0.001
        # variances of 1.5 and .5: covariance of z^2 with the standardised column is .5
        wide = code * torch.sqrt(0.5 + male)
        linear, conditional = _dependence(wide, male, Half)
        assert linear < 0.001
        assert float(conditional) == pytest.approx(0.5**2 / 3, rel=0.15)
        linear, _ = _dependence(code + 2 * (male - 0.5), male, Half)
        assert float(linear) == pytest.approx(1, rel=0.05)


def test_closed_forms_of_the_start():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(400, 2))
    design -= design.mean(axis=0)
    scores = rng.normal(size=(400, 10)) + design @ rng.normal(size=(2, 10))
    scores -= scores.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(scores.T, bias=True))
    scores = scores @ vectors / np.sqrt(values)
    assert erased_directions(scores, design).shape == (10, 2)
    begin = start(scores, np.arange(10, 0, -1.0), design, 8)
    code = scores @ begin.encoder.T
    assert np.allclose(design.T @ code, 0, atol=1e-8)
    scaled = code * np.exp(-design @ begin.gain)[:, None]
    assert np.allclose(np.cov(scaled.T, bias=True), np.eye(8), atol=1e-6)
    spread = rng.normal(size=(4000, 50)) * np.exp(np.linspace(-1, 1, 4000))[:, None]
    assert log_spread(spread, np.linspace(-1, 1, 4000)[:, None])[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("shape", [(50, 20), (20, 50)])
def test_front_is_the_singular_value_decomposition(shape):
    rng = np.random.default_rng(2)
    X, design = rng.normal(size=shape), rng.normal(size=(shape[0], 1))
    front = Front.learn(X, design - design.mean(), {"a": slice(0, 1)}, 5)
    rows = (X - X.mean(axis=0)) / X.std(axis=0)
    singular = np.linalg.svd(rows, compute_uv=False)
    assert np.allclose(front.variances * shape[0], singular[:5] ** 2)
    assert np.allclose(front.scores(X).var(axis=0), 1)


def test_mistakes_are_explained(trained):
    X, table, _ = people(100)
    with pytest.raises(DataError, match="more people or features are needed"):
        DemoVAE(minimum=2).fit(X[:20], demographics=table.iloc[:20])
    with pytest.raises(ConfigError, match="validation: must lie between"):
        DemoVAE(validation=1.0).fit(X, demographics=table)
    with pytest.raises(ConfigError, match="latent_dim: must be 1 or more"):
        DemoVAE(latent_dim=0).fit(X, demographics=table)
    with pytest.raises(NotIdentifiable):
        DemoVAE().fit(X, demographics=table.assign(site=["z"] + ["a"] * 99))
    with pytest.raises(DataError, match="the same for all training people"):
        DemoVAE().fit(np.where(np.arange(FEATURES) == 3, 1, X), demographics=table)
    with pytest.raises(DataError, match="must be one of F, M"):
        trained.transform(X, demographics=table.assign(sex="X"))
    with pytest.raises(DataError, match="age of 100 of 100 people lies outside"):
        trained.counterfactual(X, demographics=table, to=table.assign(age=150.0))
    with pytest.raises(DataError, match="column\\(s\\) sex missing"):
        trained.latents(X, demographics=table.drop(columns="sex"))
    with pytest.raises(DataError, match="one row each"):
        trained.sample(7, demographics=table)
    with pytest.raises(DataError, match="nobody is X"):
        group_difference(X, table["sex"], "M", "X")


def test_in_a_pipeline_with_a_decoder():
    (X, table, label), (C, told, theirs) = people(300, 13), people(200, 14)
    method = DemoVAE(**{**SETTINGS, "steps": 20})
    with sklearn.config_context(enable_metadata_routing=True):
        routed = method.set_fit_request(demographics=True).set_transform_request(demographics=True)
        whole = make_pipeline(routed, RidgeCV(np.geomspace(1, 1e5, 9)))
        whole.fit(X, label, demographics=table)
        assert np.corrcoef(whole.predict(C, demographics=told), theirs)[0, 1] > 0.7


@pytest.mark.parametrize("method", [DemoVAE, SubspaceProjection])
def test_validation_people_share_no_row_with_trained_ones(method, monkeypatch):
    X, table, _ = people(240)
    whose = np.repeat(np.arange(60), 4)  # four rows a person
    table = table.iloc[whose * 4].set_index(pd.Index(whose.astype(str), name="participant_id"))
    seen = {}

    def best_steps(network, trained, held_out, loss, **options):
        seen.update(trained=trained.scores.numpy(), held_out=held_out.scores.numpy())
        return 0, [0.0]

    monkeypatch.setattr("neurodecode.deconfound.autoencoder.best_steps", best_steps)
    model = method(**SETTINGS, minimum=5)
    # A person's rows are the same, so that a row tells its person.
    model.fit(X[whose], demographics=table)
    assert len(seen["trained"]) + len(seen["held_out"]) == 240
    assert len(seen["held_out"]) == 48
    gaps = np.abs(seen["trained"][:, None] - seen["held_out"][None]).max(axis=2)
    assert gaps.min() > 1e-3
