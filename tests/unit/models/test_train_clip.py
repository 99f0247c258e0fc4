"""What the picture tower starts from, and what it is trained against."""

import numpy as np
import torch
from open_clip.modified_resnet import AttentionPool2d

from neurodecode.models import train_clip
from neurodecode.models.clip import build_tiny_clip
from neurodecode.models.pictures import Pool
from neurodecode.models.train_clip import look_at_quadrants


def test_each_head_starts_at_one_place_of_the_map():
    torch.manual_seed(0)
    pool = AttentionPool2d(2, 64, 8, 64)
    look_at_quadrants(pool)
    with torch.no_grad():
        for part in (pool.v_proj, pool.c_proj):
            part.weight.copy_(torch.eye(64))
            part.bias.zero_()
        places = torch.randn(64, 2, 2)
        pooled = pool(places[None])[0].reshape(8, 8)
    seen = places.flatten(1) + pool.positional_embedding[1:].T
    for head, values in enumerate(pooled):
        expected = seen[head * 8 : head * 8 + 8, head % 4]
        torch.testing.assert_close(values, expected, atol=0.15, rtol=0)


def trained(folder, sentences, monkeypatch):
    """Train on four plain colours with these captions' vectors."""
    monkeypatch.setattr(
        train_clip, "sentence_vectors", lambda *arguments: np.array(sentences, float)
    )
    colours = torch.tensor([[200, 40, 40], [60, 200, 60], [40, 60, 200], [220, 220, 40]])
    rgba = torch.full((4, 4, 64, 64), 255, dtype=torch.uint8)
    rgba[:, :3] = colours[..., None, None].to(torch.uint8)
    pool = Pool(rgba, torch.arange(4), ("a", "b", "c", "d"), ("x",) * 4)
    clip = train_clip.train_clip(pool, folder, folder, seed=1, steps=40)
    with torch.no_grad():
        embedded = clip.encode_image((rgba[:, :3] / 255 - 0.5) / 0.25)
    unit = torch.nn.functional.normalize(embedded)
    return clip, unit @ unit.T


def test_pictures_lie_as_their_captions_vectors_do(tmp_path, monkeypatch):
    first, second = [[1, 0, 0.05], [1, 0, -0.05]], [[0, 1, 0.05], [0, 1, -0.05]]
    crossed = [first[0], second[0], first[1], second[1]]
    clip, likeness = trained(tmp_path / "crossed", crossed, monkeypatch)
    _, other = trained(tmp_path / "in turn", [*first, *second], monkeypatch)
    change = likeness - other
    assert change[0, 2] + change[1, 3] > change[0, 1] + change[2, 3] + 0.3
    torch.manual_seed(train_clip.torch_generator(1, "clip", "weights").initial_seed() % 2**63)
    untrained = build_tiny_clip()  # the text tower is left to `train_captions`
    torch.testing.assert_close(clip.token_embedding.weight, untrained.token_embedding.weight)
