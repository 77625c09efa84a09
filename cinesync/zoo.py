"""The single list of models: the command line, the tests and the docs read it.

Model files are imported only when a model is used: listing needs neither torch nor numba.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.seeds import derive
from reccore.errors import UserError, need
from reccore.recommender import Recommender


@dataclass(frozen=True)
class Entry:
    """One model: where it lives, what it is, and the training settings it prefers."""

    name: str
    summary: str
    where: str  # "module:Settings:Model"
    train: Mapping[str, Any] | None = None
    """Preferred training settings; None for models that are computed, not trained."""
    quick: Mapping[str, Any] = field(default_factory=dict)
    """Model settings for a tiny world: what the known-answer tests use."""

    @property
    def trained(self) -> bool:
        return self.train is not None

    def settings(self) -> type[Settings]:
        return cast(type[Settings], self._load(1))

    def build(self, settings: Settings, data: Dataset, seed: int = 0) -> Recommender:
        """An unfitted model of the data's sizes; its first weights are a function of the seed."""
        make = cast(Any, self._load(2)).build
        if self.trained:
            from reccore.train.randomness import seeded

            with seeded(derive(seed, "weights")):
                model = make(settings, data)
        else:
            model = make(settings, data)
        assert isinstance(model, Recommender)
        return model

    def _load(self, part: int) -> object:
        module, *names = self.where.split(":")
        return getattr(need(module, "train"), names[part - 1])


_BASELINES = "cinesync.models.baselines"
_TOWERS = {  # best on ML-1M validation; see presets/two-tower-ml-1m.toml
    "epochs": 30,
    "batch_size": 128,
    "lr": 2e-3,
    "weight_decay": 0.0,
    "patience": 0,
    "evaluate_every": 5,
    "schedule": {"kind": "cosine"},
}

_SEQUENCES = {  # best on ML-1M validation; see docs/sequences.md
    "epochs": 24,
    "batch_size": 64,
    "lr": 3e-3,
    "weight_decay": 0.0,
    "patience": 0,
    "evaluate_every": 4,
    "ema_decay": 0.999,
    "schedule": {"kind": "cosine", "warmup_fraction": 0.02},
}

ZOO: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "popularity",
            "the most met items, the same for everyone",
            f"{_BASELINES}:PopularitySettings:Popularity",
        ),
        Entry(
            "item-knn",
            "items met together with the history's (BM25, TF-IDF or cosine)",
            f"{_BASELINES}:ItemKnnSettings:ItemKnn",
        ),
        Entry(
            "ease",
            "closed-form linear item-item model (Steck 2019), very hard to beat",
            f"{_BASELINES}:EaseSettings:Ease",
        ),
        Entry(
            "ials",
            "matrix factorisation of implicit feedback by alternating least squares",
            "cinesync.models.ials:IalsSettings:Ials",
        ),
        Entry(
            "biased-mf",
            "rating prediction by biases and factors, compiled SGD",
            "cinesync.models.biased_mf:BiasedMfSettings:BiasedMf",
        ),
        Entry(
            "mf",
            "matrix factorisation; an MLP on the element-wise product is a setting",
            "cinesync.models.factors:MFSettings:MF",
            train={"epochs": 12, "lr": 2e-3, "groups": {"embeddings": {"weight_decay": 0.1}}},
            quick={"dim": 8, "dropout": 0.3, "hidden": [16]},
        ),
        Entry(
            "ncf",
            "neural collaborative filtering: an MLP over user and item",
            "cinesync.models.ncf:NCFSettings:NCF",
            train={},
            quick={"dim": 8, "dropout": 0.3},
        ),
        Entry(
            "neumf",
            "product and MLP paths joined by attention, residual blocks",
            "cinesync.models.ncf:NeuMFSettings:NeuMF",
            train={},
            quick={"dim": 8, "dropout": 0.3},
        ),
        Entry(
            "two-tower",
            "a user tower and an item tower that meet in a dot product",
            "cinesync.models.two_tower:TwoTowerSettings:TwoTower",
            train=_TOWERS,
        ),
        Entry(
            "two-tower-cross",
            "two-tower candidates re-ranked by cross-attention with the history",
            "cinesync.models.two_tower_cross:TwoTowerCrossSettings:TwoTowerCross",
            train=_TOWERS,
        ),
        Entry(
            "lstm",
            "the next item by a recurrent network: LSTM",
            "cinesync.models.recurrent:RecurrentSettings:LSTM",
            train=_SEQUENCES,
            quick={"dim": 16, "hidden": 32, "length": 20},
        ),
        Entry(
            "gru",
            "the next item by a recurrent network: GRU (GRU4Rec)",
            "cinesync.models.recurrent:RecurrentSettings:GRU",
            train=_SEQUENCES,
            quick={"dim": 16, "hidden": 32, "length": 20},
        ),
        Entry(
            "sasrec",
            "the next item by causal self-attention over the history",
            "cinesync.models.sasrec:SASRecSettings:SASRec",
            train=_SEQUENCES,
            quick={"dim": 16, "hidden": 32, "length": 20},
        ),
    )
}


def entry(name: str) -> Entry:
    if name not in ZOO:
        raise UserError(f"unknown model {name!r}", "known: " + ", ".join(ZOO))
    return ZOO[name]


def register(new: Entry) -> None:
    """Add a model of your own: every command and every function here then knows it."""
    if new.name in ZOO:
        raise UserError(f"there is a model {new.name!r} already", "choose another name")
    ZOO[new.name] = new
