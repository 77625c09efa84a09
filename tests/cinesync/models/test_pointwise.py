import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from cinesync.models.pointwise import (
    PairScorer,
    PointwiseSettings,
    RankingTask,
    RatingScale,
    RatingTask,
    Scores,
)
from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions
from reccore.data.negatives import NegativeSettings
from reccore.errors import UserError

USERS, ITEMS = 6, 12


def data(values: bool = True) -> Interactions:
    rng = np.random.default_rng(0)
    flat = rng.choice(USERS * ITEMS, 30, replace=False)
    ratings = rng.integers(1, 6, 30).astype(np.float32)
    ratings[:2] = 1, 5
    return Interactions(
        IdMap(pl.Series(range(USERS))),
        IdMap(pl.Series(range(ITEMS))),
        (flat // ITEMS).astype(np.int32),
        (flat % ITEMS).astype(np.int32),
        ratings if values else None,
    )


class Dot(PairScorer):
    def __init__(self, rows: Interactions) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.u, self.i = nn.Embedding(USERS, 3), nn.Embedding(ITEMS, 3)
        self.ratings = RatingScale(rows)

    def forward(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        trained: bool,
        moments: torch.Tensor | None = None,
    ) -> Scores:
        u, i = self.u(users), self.i(items)
        return Scores((u[:, None] * i).sum(-1), u, i)


def ranking(**settings: object) -> RankingTask:
    return RankingTask(Dot(data()), data(), PointwiseSettings.model_validate(settings), dict)


def rating(**settings: object) -> RatingTask:
    s = PointwiseSettings.model_validate({"target": "rating", **settings})
    return RatingTask(Dot(data()), data(), s, dict)


ROWS, GENERATOR = torch.tensor([3, 0, 7, 29]), torch.Generator()


@pytest.mark.parametrize("loss", ["bce", "bpr", "softmax"])
@pytest.mark.parametrize("kind", ["uniform", "popularity", "hard"])
def test_ranking_losses_equal_their_definitions(loss: str, kind: str) -> None:
    negatives = NegativeSettings(kind=kind, per_positive=3, candidates=5)
    task = ranking(loss=loss, negatives=negatives)
    batch = task.prepare(ROWS, GENERATOR.manual_seed(1))
    assert batch["items"].shape == (4, 4)
    assert not task.sampler.positives.contains(batch["users"][:, None], batch["items"][:, 1:]).any()
    s = task.module(batch["users"], batch["items"], trained=True).values
    sigmoid, expected = torch.sigmoid(s), torch.zeros(())
    for row in range(4):
        if loss == "bce":
            expected = expected - sigmoid[row, 0].log() - (1 - sigmoid[row, 1:]).log().sum()
        elif loss == "bpr":
            expected = expected - torch.sigmoid(s[row, 0] - s[row, 1:]).log().sum()
        else:
            corrected = s[row] - task.sampler.log_q(batch["items"][row])
            expected = expected - corrected.softmax(0)[0].log()
    term = task.terms(batch)[loss]
    torch.testing.assert_close(term.sum, expected)
    assert term.count == {"bce": 16, "bpr": 12, "softmax": 4}[loss]
    assert {loss: term.count} == task.counts(batch)


def test_hard_negatives_score_above_random_ones_and_say_so() -> None:
    task = ranking(negatives=NegativeSettings(kind="hard", per_positive=2, candidates=6))
    task.prepare(torch.arange(30), GENERATOR.manual_seed(0))
    figures = task.statistics()
    assert figures["negatives_gap"] > 0
    assert figures["negatives_hard"] > figures["negatives_random"]
    assert task.module.training


def test_l2_is_a_term_of_its_own() -> None:
    task = ranking(embedding_l2=0.1)
    batch = task.prepare(ROWS, GENERATOR.manual_seed(1))
    scores = task.module(batch["users"], batch["items"], trained=True)
    term = task.terms(batch)["l2"]
    expected = 0.1 * (scores.users.square().sum() + scores.items.square().sum())
    torch.testing.assert_close(term.sum, expected)
    assert term.count == 4
    assert task.term_names == ("bce", "l2")


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_rating_losses_equal_their_definitions(loss: str, smoothing: float) -> None:
    task = rating(rating_loss=loss, label_smoothing=smoothing, huber_delta=0.5)
    batch = task.prepare(ROWS, GENERATOR)
    values = data().values
    assert values is not None
    mean, deviation = values.mean(), values.std()
    targets = torch.from_numpy((values - mean) / deviation)[ROWS]
    targets = targets * (1 - smoothing) + smoothing * (3 - mean) / deviation
    errors = task.module(batch["users"], batch["items"], trained=True).values[:, 0] - targets
    huber = torch.where(errors.abs() < 0.5, errors**2 / 2, 0.5 * (errors.abs() - 0.25))
    expected = (errors**2 if loss == "mse" else huber).sum()
    term = task.terms(batch)[loss]
    torch.testing.assert_close(term.sum, expected)
    assert term.count == 4


def test_rating_scale_there_and_back() -> None:
    scale, values = RatingScale(data()), torch.tensor([1.0, 2.5, 5.0])
    torch.testing.assert_close(scale.restore(scale.normalise(values)), values)
    assert scale.restore(torch.tensor([-99.0, 99.0])).tolist() == [1.0, 5.0]
    assert float(scale.restore(scale.middle)) == pytest.approx(3.0)


def test_validation_loss_is_comparable_or_absent() -> None:
    task = rating()
    task.validate = lambda: {"rmse": 0.9, "mse": 0.81}
    assert task.evaluate()["rmse"] == 0.9
    deviation = float(task.module.ratings.deviation)
    assert task.validation_loss() == {"mse": pytest.approx(0.81 / deviation**2)}
    smoothed = rating(label_smoothing=0.1)
    smoothed.evaluate()
    assert smoothed.validation_loss() == {}


def test_ratings_are_needed_to_learn_ratings() -> None:
    bare = data(values=False)
    with pytest.raises(UserError, match="target 'rating' needs ratings"):
        RatingTask(Dot(bare), bare, PointwiseSettings(target="rating"), dict)


def test_half_precision_scores_are_summed_in_single() -> None:
    class Half(Dot):
        def forward(
            self,
            users: torch.Tensor,
            items: torch.Tensor,
            trained: bool,
            moments: torch.Tensor | None = None,
        ) -> Scores:
            scores = super().forward(users, items, trained)
            return scores._replace(values=(scores.values - 5000).half() * 2)

    task = RatingTask(Half(data()), data(), PointwiseSettings(target="rating"), dict)
    term = task.terms(task.prepare(ROWS, GENERATOR))["mse"]
    assert torch.isfinite(term.sum)
    assert term.sum.dtype == torch.float32
