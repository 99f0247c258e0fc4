"""The field's feature extractors: networks of torchvision, from weights that the user brings.

Weights lie in a ``.safetensors`` file that holds the ``state_dict`` under torchvision's own names;
SwAV's ResNet-50 has the names of torchvision's. What lies behind the layer that is read (the
classifier) may be missing. Each extractor is named with its layer and its weights' hash, so that
scores of different weights are never taken for one another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from neurodecode.contracts import Float
from neurodecode.errors import DataError, MissingWeights

__all__ = ["NETWORKS", "Layer", "Network", "Spec", "load_network"]

BATCH = 32
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Layer:
    """What is read of one network.

    Attributes
    ----------
    metric : str
        Word of the metric's name (``two_way_alexnet2``).
    node : str
        Torchvision's name of the layer.
    """

    metric: str
    node: str


@dataclass(frozen=True)
class Spec:
    """One network: how it is built, the side of its pictures, its layers."""

    builder: str
    options: Mapping[str, object]
    side: int
    layers: tuple[Layer, ...]


NETWORKS: dict[str, Spec] = {
    "alexnet": Spec(
        "alexnet", {}, 256, (Layer("alexnet2", "features.4"), Layer("alexnet5", "features.11"))
    ),
    "inception": Spec(
        "inception_v3",
        # Torchvision's weights were ported from pictures of mean and SD .5: the net converts.
        {"transform_input": True, "init_weights": False},
        342,
        (Layer("inception", "avgpool"),),
    ),
    "efficientnet": Spec("efficientnet_b1", {}, 255, (Layer("efficientnet", "avgpool"),)),
    "swav": Spec("resnet50", {}, 224, (Layer("swav", "avgpool"),)),
}
"""The networks of the field's table (Ozcelik and VanRullen 2023), by their key in the YAML."""


class Network:
    """A frozen network that returns the features of some layers.

    Parameters
    ----------
    body : callable
        Float (n, 3, side, side) pictures, normalised, to one tensor a node.
    spec : Spec
    name, digest : str
        Key in :data:`NETWORKS`; weights' hash.
    """

    def __init__(
        self, body: Callable[[torch.Tensor], dict[str, torch.Tensor]], spec: Spec, name: str,
        digest: str,
    ) -> None:  # fmt: skip
        self.body = body
        self.spec = spec
        self.name = name
        self.digest = digest

    @property
    def metrics(self) -> dict[str, str]:
        """Word of the metric -> extractor: network, layer and weights' hash."""
        return {
            layer.metric: f"{self.name}/{layer.node}@{self.digest}" for layer in self.spec.layers
        }

    @torch.no_grad()
    def features(self, pictures: NDArray[np.uint8]) -> dict[str, Float]:
        """Return flattened features (n, d) of uint8 (n, h, w, 3) pictures, by word of the metric.

        Pictures are squeezed to the network's side (bilinear) and normalised as ImageNet's.
        """
        parts: dict[str, list[Float]] = {layer.metric: [] for layer in self.spec.layers}
        for start in range(0, len(pictures), BATCH):
            found = self.body(_prepared(pictures[start : start + BATCH], self.spec.side))
            for metric, rows in found.items():
                parts[metric].append(rows.flatten(1).numpy())
        return {metric: np.concatenate(rows) for metric, rows in parts.items()}


def _prepared(pictures: NDArray[np.uint8], side: int) -> torch.Tensor:
    whole = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255
    if whole.shape[-2:] != (side, side):
        whole = F.interpolate(whole, (side, side), mode="bilinear", antialias=True)
    mean, sd = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(SD).view(1, 3, 1, 1)
    return (whole - mean) / sd


def load_network(name: str, weights: Path) -> Network:
    """Load one network up to the layers that are read.

    Parameters
    ----------
    name : str
        Key in :data:`NETWORKS`.
    weights : Path
        Its ``.safetensors`` file.

    Raises
    ------
    MissingWeights
        Where there is no such file; says how to make it.
    DataError
        Where the file is damaged or holds other weights.
    """
    import torchvision.models as zoo
    from torchvision.models.feature_extraction import create_feature_extractor

    spec = NETWORKS[name]
    if not weights.is_file():
        raise MissingWeights(
            f"{weights}: no weights of {name}. Save the state_dict of torchvision's "
            f"{spec.builder} (swav: of the authors' ResNet-50) there with "
            "safetensors.torch.save_file, or leave evaluate.extractors."
            f"{name} out: the extractor that ships then scores alone."
        )
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{weights}: not a whole safetensors file ({error})") from error
    with torch.device("meta"):  # no time goes into weights that are replaced
        model = getattr(zoo, spec.builder)(weights=None, **spec.options).eval()
        body: nn.Module = create_feature_extractor(
            model,
            {layer.node: layer.metric for layer in spec.layers},
            suppress_diff_warning=True,
        )
    wanted = body.state_dict()
    wrong = [
        key for key, value in wanted.items() if key not in state or state[key].shape != value.shape
    ]
    if wrong:
        raise DataError(
            f"{weights}: not weights of torchvision's {spec.builder}: {len(wrong)} of "
            f"{len(wanted)} arrays are missing or of another shape, first {wrong[0]}"
        )
    whole = {
        key: state[key].float() if value.is_floating_point() else state[key]
        for key, value in wanted.items()
    }
    body.load_state_dict(whole, assign=True)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    return Network(body.eval(), spec, name, digest)
