"""Predictions of the model in torch: of a run, and of a training that is under way."""

import torch
from torch import Tensor

from giftrec.catalog.world import World
from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import Facts as Told
from giftrec.inputs import Shelf
from giftrec.model.inputs import Catalogue, Facts, Recipients, nothing_known
from giftrec.model.integrated import GiftModel, Prediction
from giftrec.predictions import Rewards, Wishes
from giftrec.recommend import GiftRecommender


class TorchPredictor:
    """A model before a shelf of gifts. It leaves the model as it was, in training or not."""

    def __init__(self, model: GiftModel, shelf: Shelf) -> None:
        self.model, self.shelf = model, shelf
        self.gifts = Catalogue.wrap(shelf)

    @classmethod
    def of(cls, model: GiftModel, world: World) -> "TorchPredictor":
        return cls(model, Shelf.of(world, model.settings.text_buckets))

    def over(self, gifts: Numbers) -> "TorchPredictor":
        return TorchPredictor(self.model, self.shelf.take(gifts))

    @property
    def ask_above(self) -> float:
        return self.model.settings.ask_above

    def wishes(self, who: Columns) -> Wishes:
        said = self.predict(who, nothing_known(len(who), len(self.gifts)))
        return Wishes(_array(said.categories), _array(said.tools))

    def rewards(self, who: Columns, facts: Told) -> Rewards:
        said = self.predict(who, Facts.wrap(facts)).reward
        parts = (said.mean, said.spread, said.appeal, said.afford, said.arrive)
        return Rewards(*map(_array, parts))

    def predict(self, who: Columns, facts: Facts) -> Prediction:
        device = self.model.category.weight.device
        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                said: Prediction = self.model(
                    Recipients.of(who).to(device), self.gifts.to(device), facts.to(device)
                )
        finally:
            self.model.train(training)
        return said


def recommender(model: GiftModel, world: World) -> GiftRecommender:
    """The model as one that answers in a world."""
    return GiftRecommender(TorchPredictor.of(model, world), world)


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.cpu().numpy()
    return array
