"""Matrix subspace projection: exact edits, a code without demographics, settings, mistakes."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from test_demovae import people

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.deconfound.counterfactuals import check_counterfactuals
from neurodecode.deconfound.settings import DemoVaeSettings, SubspaceSettings
from neurodecode.deconfound.subspace import SubspaceNetwork, SubspaceProjection
from neurodecode.errors import DataError
from neurodecode.registry import make


@pytest.fixture(scope="module")
def trained():
    X, table, _ = people()
    settings = {"n_components": 30, "latent_dim": 25, "hidden": 32, "steps": 200, "seed": 1}
    return SubspaceProjection(**settings).fit(X, demographics=table)


def test_an_edit_moves_the_code_within_the_rows_of_the_matrix_alone():
    torch.manual_seed(0)
    network = SubspaceNetwork(10, 6, 2, 8)
    with torch.no_grad():
        network.matrix.copy_(torch.linalg.qr(torch.randn(6, 2))[0].T)
    code, wanted = torch.randn(5, 6), torch.randn(5, 2)
    edited = network.edit(code, wanted).detach()
    assert torch.allclose(edited @ network.matrix.T, wanted, atol=1e-5)
    null = torch.linalg.svd(network.matrix.detach())[2][2:]
    assert torch.allclose(edited @ null.T, code @ null.T, atol=1e-5)


def test_training_makes_the_matrix_orthonormal_and_the_code_tell_demographics(trained):
    product = (trained.network_.matrix @ trained.network_.matrix.T).detach().numpy()
    design = trained._columns(people()[1])
    # The curve of age, second, has no effect on these features: nothing holds it.
    size = np.diag(product)
    assert np.allclose(np.delete(size, 1), 1, atol=0.35)
    assert size[1] < 0.5
    X, table, _ = people(300, 12)
    scores = torch.from_numpy(trained.front_.scores(X.astype(float)).astype(np.float32))
    with torch.no_grad():
        said = trained.network_.encode(scores)[0] @ trained.network_.matrix.T
    told = trained._columns(table)
    assert np.corrcoef(said[:, 0], told[:, 0])[0, 1] > 0.8
    assert design.shape[1] == product.shape[0] == 5


def test_people_it_has_not_seen(trained):
    (B, known, _), (C, told, _) = people(500, 5), people(500, 6)
    probe = LogisticRegression(C=0.1, max_iter=2000)
    raw = probe.fit(B, known["sex"]).score(C, told["sex"])
    code = probe.fit(trained.latents(B, demographics=known), known["sex"])
    assert raw > 0.9
    assert code.score(trained.latents(C, demographics=told), told["sex"]) < 0.75
    to = told.assign(sex=np.where(told["sex"] == "M", "F", "M"))
    found = check_counterfactuals(
        trained, C, demographics=told, to=to, column="sex",
        predictor=LogisticRegression(C=0.1, max_iter=2000).fit(B, known["sex"]).predict,
        unrelated=lambda X: X[:, 0],
    )  # fmt: skip
    assert found.composition < 1e-4
    assert found.effectiveness > 0.6
    assert trained.transform(C, demographics=told).shape == C.shape


def test_state_goes_through_safetensors(trained, tmp_path):
    X, table, _ = people(50, 11)
    save_arrays(tmp_path / "m.safetensors", trained.state())
    again = SubspaceProjection().restore(load_arrays(tmp_path / "m.safetensors"))
    for method in ("transform", "latents"):
        pair = [getattr(m, method)(X, demographics=table) for m in (trained, again)]
        assert np.array_equal(*pair)
    with pytest.raises(DataError, match=r"network\.matrix missing"):
        SubspaceProjection().restore(
            {k: v for k, v in trained.state().items() if k != "network.matrix"}
        )


@pytest.mark.parametrize("settings", [DemoVaeSettings(kind="demovae"),
                                      SubspaceSettings(kind="subspace")])  # fmt: skip
def test_settings_hold_the_defaults_of_their_class(settings):
    made = make("deconfounder", settings)
    assert made.get_params() == type(made)().get_params()


def test_too_few_people_are_refused():
    X, table, _ = people(40)
    with pytest.raises(DataError, match="more people or features are needed"):
        SubspaceProjection(minimum=2).fit(X[:20], demographics=table.iloc[:20])
