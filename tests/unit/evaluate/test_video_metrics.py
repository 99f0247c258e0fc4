"""Scores of clips: each is the variant that it says."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from neurodecode.evaluate.video_metrics import clip_pcc, frame_psnr, frame_ssim


def test_a_clip_that_stands_still_is_perfectly_smooth_and_says_nothing():
    frames = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
    frames[0] = frames[0, :1]
    smooth, random = clip_pcc(frames)
    assert smooth == pytest.approx(1)
    rows = frames[1].astype(float)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert random == pytest.approx(np.mean([unit[k] @ unit[k + 1] for k in range(3)]))


def test_ssim_keeps_colours_apart():
    rng = np.random.default_rng(1)
    real, drawn = rng.integers(0, 256, (2, 3, 16, 16, 3), np.uint8)
    ours = frame_ssim(real, drawn)
    by_channel = [
        np.mean([structural_similarity(a[..., c], b[..., c]) for c in range(3)])
        for a, b in zip(real, drawn, strict=True)
    ]
    assert ours == pytest.approx(by_channel)
    assert frame_ssim(real, real) == pytest.approx(np.ones(3))


def test_psnr_of_a_known_error():
    real = np.full((2, 4, 4, 3), 100, np.uint8)
    drawn = real.copy()
    drawn[0] += 10
    assert frame_psnr(real, drawn) == pytest.approx([20 * np.log10(25.5), np.inf])
