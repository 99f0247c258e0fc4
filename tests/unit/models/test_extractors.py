"""The field's networks with small random weights in the format that users bring."""

import numpy as np
import pytest
import torch
import torchvision.models as zoo
from safetensors.torch import save_file

from neurodecode.errors import DataError, MissingWeights
from neurodecode.models.extractors import MEAN, NETWORKS, SD, load_network

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
HEADS = ("classifier", "fc", "AuxLogits")


def written(folder, name, *, half=True):
    """A model of random weights, and its file without the classifier."""
    torch.manual_seed(0)
    spec = NETWORKS[name]
    with torch.random.fork_rng():
        model = getattr(zoo, spec.builder)(weights=None, **spec.options).eval()
    state = {k: v for k, v in model.state_dict().items() if not k.startswith(HEADS)}
    file = folder / f"{name}.safetensors"
    save_file(
        {k: v.half() if half and v.is_floating_point() else v for k, v in state.items()}, file
    )
    return model, file


def test_alexnet_features_are_those_of_torchvision(tmp_path):
    model, file = written(tmp_path, "alexnet", half=False)
    network = load_network("alexnet", file)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), np.uint8)
    ours = network.features(pictures)
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255
    x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SD).view(1, 3, 1, 1)
    with torch.no_grad():
        for metric, last in (("alexnet2", 5), ("alexnet5", 12)):
            assert np.allclose(ours[metric], model.features[:last](x).flatten(1), atol=1e-6)
    assert ours["alexnet2"].shape[1] == 192 * 31 * 31


@pytest.mark.parametrize(
    ("name", "metric", "d"),
    [("inception", "inception", 2048), ("efficientnet", "efficientnet", 1280),
     ("swav", "swav", 2048)],
)  # fmt: skip
def test_the_pooled_layer_is_read(tmp_path, name, metric, d):
    _, file = written(tmp_path, name)
    network = load_network(name, file)
    features = network.features(PICTURES)[metric]
    assert features.shape == (2, d)
    assert np.isfinite(features).all()
    assert network.metrics[metric].startswith(f"{name}/avgpool@")


def test_the_name_follows_the_weights(tmp_path):
    model, file = written(tmp_path, "alexnet")
    before = load_network("alexnet", file).metrics
    state = {k: v + 1e-3 for k, v in model.state_dict().items()}
    save_file(state, file)
    after = load_network("alexnet", file).metrics
    assert before.keys() == after.keys()
    assert all(before[key] != after[key] for key in before)


def test_absent_and_foreign_weights_are_explained(tmp_path):
    with pytest.raises(MissingWeights, match=r"no weights of swav.*save_file"):
        load_network("swav", tmp_path / "none.safetensors")
    _, file = written(tmp_path, "alexnet")
    with pytest.raises(DataError, match="not weights of torchvision's efficientnet_b1"):
        load_network("efficientnet", file)
    file.write_bytes(b"no")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_network("alexnet", file)
