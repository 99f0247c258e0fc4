"""Any OpenCLIP model in a folder: another architecture, and open_clip's own transform as peer."""

import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from neurodecode.models.clip import load_openclip

torch.set_num_threads(1)

MODEL = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESS = {
    "mean": [0.48, 0.46, 0.41],
    "std": [0.27, 0.26, 0.28],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("openclip") / "vit-small"
    path.mkdir()
    save_file(open_clip.CLIP(**MODEL).state_dict(), path / "open_clip_model.safetensors")
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (path / "open_clip_config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 48), (40, 64)])
def test_pictures_embed_as_with_open_clips_own_transform(folder, height, width):
    y, x = np.mgrid[:height, :width]
    waves = [127 * (1 + np.sin(x / a + y / b)) for a, b in ((3, 9), (7, 4), (5, 5))]
    picture = np.stack(waves, axis=-1).astype(np.uint8)
    ours = load_openclip(str(folder))
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    with torch.no_grad():
        peer = model.eval().encode_image(transform(Image.fromarray(picture))[None], normalize=True)
    row = ours.embed_images(picture[None])
    assert row.shape == (1, 24)
    assert float(row[0] @ peer[0].numpy()) > 0.9995


def test_captions_embed_as_with_open_clips_own_tokenizer(folder):
    ours = load_openclip(str(folder))
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a red apple", "two cats"])
    assert tokens.shape == (2, 12)
    with torch.no_grad():
        peer = model.eval().encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(ours.embed_captions(["a red apple", "two cats"]), peer, atol=1e-5)
