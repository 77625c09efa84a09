"""A finished training of the gift model, opened again."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from giftrec.catalog.world import World
from giftrec.checkpoints import CHECKPOINTS, newest
from giftrec.inputs import Shelf
from giftrec.model.integrated import GiftModel
from giftrec.model.predictor import TorchPredictor, recommender
from giftrec.recommend import GiftRecommender
from giftrec.settings import RunSettings, stored
from giftrec.training import Ground, build, fingerprint, ground, require_gifts
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError
from reccore.run import RunFolder


class Run:
    """A run folder with its model and the ground it stands on."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.path = folder.path
        require_gifts(folder)
        self.settings: RunSettings = stored(folder.config, folder.path)
        self.manifest: dict[str, Any] = folder.manifest

    @cached_property
    def ground(self) -> Ground:
        on = ground(self.settings.data, self.settings.seed)
        if fingerprint(on) != self.manifest["data_fingerprint"]:
            raise UserError(
                f"the scenarios or gifts that {self.path} was trained on have changed",
                "restore them, or train again",
            )
        return on

    @property
    def world(self) -> World:
        return self.ground.world

    @cached_property
    def model(self) -> GiftModel:
        model = build(self.settings, self.world)
        arrays = self.folder.read_arrays()
        try:
            model.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
        except RuntimeError as error:
            detail = " ".join(str(error).split())[:200]
            raise UserError(f"{self.folder.weights_path} is of another model: {detail}") from None
        return model.eval()

    @cached_property
    def recommender(self) -> GiftRecommender:
        return self.on(self.world)

    def on(self, world: World) -> GiftRecommender:
        """The same model before other gifts, in the same words."""
        return recommender(self.model, world)

    def before(self, shelf: Shelf) -> TorchPredictor:
        """The model before a shelf in its words."""
        return TorchPredictor(self.model, shelf)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of its training."""
        return self.world.vocabulary

    @property
    def text_buckets(self) -> int:
        """Rows of its table of hashed words."""
        return self.settings.model.text_buckets

    def with_gifts(self, path: Path) -> GiftRecommender:
        """Before a user's own gifts."""
        return self.on(self.world.with_gifts(path))


def load_run(path: Path | None = None, root: Path = CHECKPOINTS) -> Run:
    """The run at `path`, or the newest finished one under `root`."""
    return Run(RunFolder.open(path if path is not None else newest(root)))
