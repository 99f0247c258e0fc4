"""The reusable holdout: its noise, its budget, and that it does not overfit where scores do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, laplace

from neurodecode.errors import DataError
from neurodecode.evaluate.thresholdout import Thresholdout

SCORE = st.floats(0, 1)


def ask_all(box, questions):
    """Answer (train, test) pairs in order, counting as the ledger does."""
    answers, n_asked, n_spent = [], 0, 0
    for train, test in questions:
        answer = box.answer(train, test, n_asked=n_asked, n_spent=n_spent)
        answers.append(answer)
        if answer is not None:
            n_asked, n_spent = n_asked + 1, n_spent + answer.spent
    return answers


@given(
    st.integers(0, 2**128 - 1), st.integers(1, 6), st.lists(st.tuples(SCORE, SCORE), max_size=30)
)
def test_the_budget_is_never_overdrawn_and_then_it_refuses(secret, budget, questions):
    answers = ask_all(Thresholdout(secret, 0.04, 0.01, budget), questions)
    spent = np.cumsum([a is not None and a.spent for a in answers])
    assert (spent <= budget).all()
    for k, (answer, (train, _)) in enumerate(zip(answers, questions, strict=True)):
        assert (answer is None) == (k > 0 and spent[k - 1] == budget)
        if answer is not None and not answer.spent:
            assert answer.value == train


@given(st.integers(0, 2**128 - 1), st.lists(st.tuples(SCORE, SCORE), max_size=20))
def test_the_same_questions_have_the_same_answers(secret, questions):
    box = Thresholdout(secret, 0.04, 0.01, 5)
    assert ask_all(box, questions) == ask_all(box, questions)


def test_answers_of_the_test_set_carry_laplace_noise_of_scale_s():
    found = [Thresholdout(k, 0.04, 0.01, 9).answer(0.2, 0.8, n_asked=3, n_spent=1)
             for k in range(2000)]  # fmt: skip
    assert all(answer is not None and answer.spent for answer in found)
    assert kstest([a.value - 0.8 for a in found], laplace(scale=0.01).cdf).pvalue > 0.01


def test_the_threshold_is_noisy_and_drawn_anew_after_each_answer():
    boxes = [Thresholdout(k, 0.04, 0.01, 9) for k in range(2000)]
    drawn = np.array([[box.noisy_threshold(j) - 0.04 for j in (0, 1)] for box in boxes])
    for column in drawn.T:
        assert kstest(column, laplace(scale=0.02).cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1


def test_how_often_a_difference_passes_is_the_law_of_both_noises():
    # P(d > T + Lap(2s) + Lap(4s)) by Monte Carlo of its own.
    rng = np.random.default_rng(0)
    d, n = 0.07, 4000
    spent = [Thresholdout(k, 0.04, 0.01, 9).answer(0.5, 0.5 + d, n_asked=0, n_spent=0).spent
             for k in range(n)]  # fmt: skip
    limit = 0.04 + rng.laplace(scale=0.02, size=10**6) + rng.laplace(scale=0.04, size=10**6)
    expected = (d > limit).mean()
    assert abs(np.mean(spent) - expected) < 3 * np.sqrt(expected * (1 - expected) / n)


def test_choosing_by_its_answers_does_not_flatter_as_choosing_by_the_scores_does():
    # Dwork et al.'s experiment: votes of features chosen by training and test data, pure noise.
    rng = np.random.default_rng(1)
    n, d = 4000, 1000
    x = rng.normal(size=(2, n, d)).astype(np.float32)
    y = rng.choice([-1, 1], size=(2, n))
    train, test = (((np.sign(x[k]) == y[k][:, None]).mean(axis=0)) for k in (0, 1))

    def chosen(said):
        return np.abs(said - 0.5) > 0.5 / np.sqrt(n)

    def score(k, agreed, direction):
        votes = x[k][:, agreed] @ direction[agreed]
        return (np.sign(votes) == y[k]).mean()

    box = Thresholdout(7, 0.04, 0.01, d)
    answers = ask_all(box, zip(train, test, strict=True))
    guarded = np.array([a.value for a in answers])
    naive = chosen(test) & chosen(train) & ((test > 0.5) == (train > 0.5))
    flattered = score(1, naive, np.sign(test - 0.5))
    agreed = chosen(guarded) & chosen(train) & ((guarded > 0.5) == (train > 0.5))
    direction = np.sign(train - 0.5)
    last = box.answer(
        score(0, agreed, direction), score(1, agreed, direction), n_asked=d, n_spent=0
    )
    assert flattered > 0.53  # 4 SD above what is there to be found
    assert last.spent  # the training score is far above
    assert abs(last.value - 0.5) < 0.03


@pytest.mark.parametrize("scores", [(1.2, 0.5), (0.5, -0.1), (float("nan"), 0.5)])
def test_scores_beyond_0_to_1_are_refused(scores):
    with pytest.raises(DataError, match="must lie in 0 to 1"):
        Thresholdout(1, 0.04, 0.01, 5).answer(*scores, n_asked=0, n_spent=0)
