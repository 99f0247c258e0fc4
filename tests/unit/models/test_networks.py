"""The embedded networks: exact resume, subsets, save and load; all tiny or untrained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from neurodecode.errors import ConfigError, MissingWeights
from neurodecode.models import training
from neurodecode.models.clip import build_tiny_clip, load_openclip, save_openclip
from neurodecode.models.diffusion import Generator
from neurodecode.models.independent import filtered, hog_colour, load_independent
from neurodecode.models.pictures import augment, to_unit
from neurodecode.models.train_generator import train_generator
from neurodecode.models.training import Plan, fit
from neurodecode.models.unet import build_unet
from neurodecode.models.vae import build_vae, decode, encode, load_diffusers, psnr
from neurodecode.stimuli.objects64 import load_objects64

torch.set_num_threads(1)


def small_fit(folder, steps, plan_steps=12):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    def loss(rng):
        x = torch.randn(8, 3, generator=rng)
        return (model(x)[:, 0] - x.sum(1)).square().mean()

    plan = Plan("small", plan_steps, 1e-2, ema=0.9, every=4)
    if steps < plan_steps:  # killed: the loss raises in the middle of a step
        inner = loss

        def loss(rng, count=iter(range(steps + 1))):  # noqa: B008
            if next(count) == steps:
                raise KeyboardInterrupt
            return inner(rng)

        with pytest.raises(KeyboardInterrupt):
            fit(model, loss, plan, folder, seed=1)
        return None
    fit(model, loss, plan, folder, seed=1)
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("killed_at", [3, 4, 7, 11])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, killed_at):
    whole = small_fit(tmp_path / "whole", 12)
    small_fit(tmp_path / "killed", killed_at)
    resumed = small_fit(tmp_path / "killed", 12)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name])


def test_the_rate_warms_up_and_falls_to_zero():
    plan = Plan("p", 100, 1.0)
    rates = [plan.rate(k) for k in range(100)]
    assert max(rates) == rates[5] == 1
    assert rates[0] == pytest.approx(0.2)
    assert rates[-1] < 1e-3


def test_seeds_of_steps_differ():
    draws = {torch.rand((), generator=training.torch_generator(1, "x", k)).item() for k in range(9)}
    assert len(draws) == 9


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    vae, unet = build_vae().eval(), build_unet().eval()
    vae.register_to_config(scaling_factor=0.5)
    return Generator(vae, unet, "untrained")


@pytest.fixture(scope="module")
def embedding():
    rows = np.random.default_rng(0).normal(size=(3, 256)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_subset_draws_the_same_pictures(generator, embedding):
    seeds = np.arange(6).reshape(3, 2)
    whole = generator.draw(embedding, seeds, steps=2)
    assert whole.shape == (3, 2, 64, 64, 3)
    np.testing.assert_array_equal(generator.draw(embedding[1:2], seeds[1:2], steps=2)[0], whole[1])


@pytest.mark.parametrize(("time", "like"), [(0.5, "null"), (0.9, "own"), (0.1, "own")])
@torch.no_grad()
def test_guidance_zero_is_the_null_prediction_at_the_guided_times(generator, embedding, time, like):
    condition = torch.from_numpy(embedding[:1])
    x = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(1)) / (1 - time)
    expected = {
        "own": generator._denoiser(condition, 1.0)(x, time / (1 - time)),
        "null": generator._denoiser(torch.zeros_like(condition), 1.0)(x, time / (1 - time)),
    }
    guided = generator._denoiser(condition, 0.0)(x, time / (1 - time))
    torch.testing.assert_close(guided, expected[like])
    assert (expected["own"] - expected["null"]).abs().max() > 0.01


def test_a_start_is_kept_where_the_path_is_short(generator, embedding):
    pictures = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), np.uint8)
    start = encode(generator.vae, to_unit(pictures)).numpy()
    near = generator.draw(embedding[:1], np.array([[5]]), steps=2, start=start, strength=0.005)
    direct = decode(generator.vae, torch.from_numpy(start))
    assert np.corrcoef(near.ravel(), direct.ravel())[0, 1] > 0.98


def test_networks_survive_a_folder(tmp_path, generator):
    generator.unet.save_pretrained(tmp_path / "unet")
    back = load_diffusers(UNet2DConditionModel, str(tmp_path / "unet"), "unet")
    assert torch.equal(back.conv_in.weight, generator.unet.conv_in.weight)
    with pytest.raises(MissingWeights, match="train-generator"):
        load_diffusers(AutoencoderKL, str(tmp_path / "none"), "vae")


def test_openclip_survives_a_folder_and_embeds_unit_vectors(tmp_path):
    torch.manual_seed(0)
    save_openclip(build_tiny_clip().eval(), tmp_path / "tiny")
    clip = load_openclip(str(tmp_path / "tiny"))
    pictures = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    rows = clip.embed_images(pictures)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(rows[3:4], clip.embed_images(pictures[3:4]))
    assert clip.embed_captions(["a cat", "two cats"]).shape == (2, 256)
    assert clip.name.startswith("tiny@")
    with pytest.raises(MissingWeights, match="download"):
        load_openclip(str(tmp_path / "none"))


def test_the_independent_extractor_names_pictures_of_a_style_that_it_has_not_seen():
    extractor, test = load_independent(), load_objects64(("test",))
    logits = extractor.name_logits(test.pixels)
    named = np.array(extractor.concepts)[logits.argmax(axis=1)]
    kinds = np.array(extractor.categories)[logits.argmax(axis=1)]
    assert (named == test.table["caption"]).mean() > 0.4  # chance .001
    assert (kinds == test.table["category"]).mean() > 0.6  # chance .14
    assert extractor.features(test.pixels[:3]).shape == (3, 256)
    with pytest.raises(MissingWeights):
        load_independent(Path("nowhere"))


def test_a_random_filter_changes_texture_and_keeps_shape():
    halves = torch.zeros(64, 3, 16, 16)
    halves[..., 8:] = torch.tensor([0.9, 0.2, 0.4]).view(3, 1, 1)
    seen = filtered(halves, torch.Generator().manual_seed(1), share=1.0)
    away = torch.cat([seen[..., :6], seen[..., 10:]], -1)  # the filter has five pixels at most
    for half in away.split(6, dim=-1):
        torch.testing.assert_close(half, half[..., :1, :1].expand_as(half), atol=1e-5, rtol=0)
    changed = (seen - halves).abs().amax((1, 2, 3)) > 0.05
    assert changed.float().mean() > 0.8
    assert torch.equal(filtered(halves, torch.Generator().manual_seed(1), share=0.0), halves)


def test_hog_colour_tells_shape_and_colour_apart():
    stripes = np.zeros((4, 64, 64, 3), np.uint8)
    stripes[0, ::8], stripes[1, :, ::8] = 255, 255
    stripes[2], stripes[3] = (200, 0, 0), (0, 0, 200)
    rows = hog_colour(stripes)
    assert np.isfinite(rows).all()
    shape, colour = rows[:, :-128], rows[:, -128:]
    assert np.linalg.norm(shape[0] - shape[1]) > 0.5
    assert np.linalg.norm(shape[2:]) == 0
    assert np.linalg.norm(colour[2] - colour[3]) == pytest.approx(np.sqrt(2))


def test_augmentation_is_seeded_and_strength_zero_leaves_the_picture():
    rgba = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (4, 4, 64, 64), np.uint8))
    one, two = (augment(rgba, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    plain = augment(rgba, torch.Generator().manual_seed(3), strength=0.0)
    alpha = rgba[:, 3:].float() / 255
    expected = rgba[:, :3].float() / 255 * alpha + (1 - alpha) * 128 / 255
    torch.testing.assert_close(plain, expected, atol=1e-4, rtol=0)


def test_psnr_by_hand():
    assert psnr(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.1)) == pytest.approx(20, 1e-4)


def test_an_unknown_part_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="got lora"):
        train_generator(tmp_path, tmp_path, parts=["lora"])
