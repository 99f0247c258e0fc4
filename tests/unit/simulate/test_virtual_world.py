"""Worlds are data: the frozen one cannot change unseen, and people are drawn as they say."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from neurodecode.errors import ConfigError
from neurodecode.simulate.people import codes, draw_people
from neurodecode.simulate.world import (
    EFFECTS,
    REALISTIC_SHA256,
    WORLDS,
    Effects,
    Shares,
    fingerprint,
    named,
)


def test_realistic_is_frozen():
    assert fingerprint(WORLDS["realistic"]) == REALISTIC_SHA256


def test_any_changed_parameter_changes_the_fingerprint():
    world = WORLDS["realistic"]
    other = replace(world, noise=replace(world.noise, lapse=(0.02, 0.4, 0.31)))
    assert fingerprint(other) != fingerprint(world)


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_plain_data_and_hides_a_quarter(name):
    world = named(name)
    json.dumps(asdict(world))
    assert world.name == name
    for shares in (world.early, world.ventral):
        assert shares.hidden >= 0.25


def test_world_b_differs_where_it_says():
    a, b = WORLDS["realistic"], WORLDS["world-B"]
    assert (b.cortex.rho, a.cortex.rho) == (0.3, 0.5)
    assert a.seed != b.seed
    assert a.bank != b.bank
    assert replace(b, name=a.name, seed=a.seed, bank=a.bank, cortex=a.cortex) == a


def test_minimal_is_realistic_with_one_session_more_signal_and_finer_tuning():
    a, b = WORLDS["realistic"], WORLDS["minimal"]
    assert b.schedule.n_sessions == 1
    assert b.explainable > a.explainable
    for shares in (b.early, b.ventral):
        assert shares.hidden == 0.25
    same = {name: getattr(a, name) for name in ("name", "seed", "explainable", "early", "ventral")}
    noise = replace(b.noise, session=a.noise.session, session_scale=a.noise.session_scale)
    cortex = replace(b.cortex, smoothness=a.cortex.smoothness)
    assert replace(b, **same, cortex=cortex, noise=noise, schedule=a.schedule) == a
    assert b.cortex.smoothness < a.cortex.smoothness


def test_named_effects():
    assert named("realistic", "no confound").effects == Effects()
    only = named("realistic", "variance only").effects
    for effect in (only.age, only.sex, only.site):
        assert effect == replace(type(effect)(), variance=effect.variance)
        assert effect.variance > 0
    assert set(EFFECTS) == {"default", "no confound", "variance only", "label with site"}


def test_mistakes_name_what_there_is():
    with pytest.raises(ConfigError, match="realistic, easy, hard, world-B, minimal; got 'real'"):
        named("real")
    with pytest.raises(ConfigError, match="no confound"):
        named("realistic", "none")
    with pytest.raises(ConfigError, match="add to 1"):
        Shares(0.5, 0.5, 0.5, 0.3)


def test_a_smaller_cohort_is_the_start_of_a_larger_one():
    world = named("realistic")
    assert draw_people(world, 5).equals(draw_people(world, 40).head(5))
    assert not draw_people(replace(world, seed=1), 5).equals(draw_people(world, 5))


def test_people_are_balanced_over_sites_and_codes_are_standard():
    world = named("realistic")
    people = draw_people(world, 600)
    assert people["site"].value_counts().nunique() == 1
    z = np.array([list(codes(world, row).values()) for _, row in people.iterrows()])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.12)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(np.corrcoef(z.T) - np.eye(4), 0, atol=0.12)


def test_a_label_follows_its_site_only_where_asked():
    def share(effects):
        people = draw_people(named("realistic", effects), 600)
        return (people["label"] == "b")[people["site"] == "A"].mean()

    assert share("default") == pytest.approx(0.5, abs=0.1)
    assert share("label with site") == pytest.approx(0.9, abs=0.06)
