"""Open a gift bundle and ask it."""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giftrec.bundle.predictor import GRAPHS, OnnxPredictor
from giftrec.catalog.gifts import load_gifts
from giftrec.catalog.world import World
from giftrec.inputs import Shelf
from giftrec.recommend import Answer, GiftRecommender
from giftrec.schema import Profile
from giftrec.vocabulary import Vocabulary, load_vocabulary
from reccore.bundle.graphs import OnnxGraph
from reccore.bundle.manifest import Manifest, verify, within
from reccore.errors import UserError

if TYPE_CHECKING:  # these bring torch
    from giftrec.settings import RunSettings
    from giftrec.training import Ground

KIND = "integrated"


class GiftBundle:
    """The model with its gifts and words; it stands wherever a run does."""

    def __init__(self, path: Path, manifest: Manifest, threads: int = 1) -> None:
        self.path, self.facts = path, manifest
        scorer = manifest["scorer"]
        if scorer["kind"] != KIND or set(scorer["graphs"]) != set(GRAPHS):
            raise UserError(
                f"{path} holds a model of kind {scorer['kind']!r}, unknown to this version",
                f"it needs giftrec {manifest['minimum_version']} or later",
            )
        for name in ("vocabulary.toml", "gifts.json", *map(_graph, GRAPHS)):
            if name not in manifest.files:
                raise UserError(f"{path} lacks {name}", "export it again")
        self._graphs = {
            name: OnnxGraph(within(path, _graph(name)), it["inputs"], it["output"], threads)
            for name, it in scorer["graphs"].items()
        }

    @classmethod
    def open(cls, path: str | Path, threads: int = 1) -> "GiftBundle":
        """Check every file against the manifest, then load."""
        path = Path(path)
        if not path.is_dir():
            raise UserError(f"no such bundle: {path}", "`giftrec export RUN --out DIR` makes one")
        manifest = Manifest.read(path)
        product = manifest.facts.get("product")
        if product != "giftrec":
            raise UserError(f"{path} is a bundle of {product}, not giftrec")
        verify(path, manifest)
        return cls(path, manifest, threads)

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(self.facts.facts)

    @cached_property
    def world(self) -> World:
        """The gifts and words of the export, in the world they were in."""
        words = load_vocabulary(within(self.path, "vocabulary.toml"))
        gifts = load_gifts(within(self.path, "gifts.json"), words)
        world = self.facts["world"]
        return World(
            gifts, words, world["seed"], date.fromisoformat(world["as_of"]), world["currency"]
        )

    @cached_property
    def recommender(self) -> GiftRecommender:
        return self.on(self.world)

    def on(self, world: World) -> GiftRecommender:
        """The same model before other gifts, in the same words: nothing is trained again."""
        shelf = Shelf.of(world, self.text_buckets)
        return GiftRecommender(self.before(shelf), world)

    def before(self, shelf: Shelf) -> OnnxPredictor:
        """The model before a shelf in its words."""
        ask_above = self.facts["scorer"]["options"]["ask_above"]
        return OnnxPredictor(self._graphs, shelf, ask_above)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of its training."""
        return self.world.vocabulary

    @property
    def text_buckets(self) -> int:
        """Rows of its table of hashed words."""
        buckets: int = self.facts["scorer"]["options"]["text_buckets"]
        return buckets

    def with_gifts(self, path: Path) -> GiftRecommender:
        """Before a user's own gifts: a JSON list like the bundle's `gifts.json`."""
        return self.on(self.world.with_gifts(path))

    def recommend(self, profile: Profile, day: int = 0, k: int = 5) -> Answer:
        return self.recommender.recommend(profile, day, k)

    # ---- only to be tested as a run is: this needs the trainer's packages

    @cached_property
    def settings(self) -> "RunSettings":
        from giftrec.settings import stored

        return stored(self.facts["config"], self.path / "manifest.json")

    @cached_property
    def ground(self) -> "Ground":
        """The scenarios of the training, which a bundle does not hold."""
        from giftrec.training import fingerprint, ground

        data = self.settings.data
        for named in (data.scenarios, data.gifts, data.vocabulary):
            if named is not None and not Path(named).is_file():
                raise UserError(
                    f"{self.path} was trained on {named}, which is not in this folder",
                    "go where it is, or make it again (checkpoints/README.md says how for the "
                    "bundle that ships)",
                )
        on = ground(self.settings.data, self.settings.seed)
        if fingerprint(on) != self.facts["data_fingerprint"]:
            raise UserError(
                f"the scenarios or gifts that {self.path} was trained on have changed",
                "restore them, or export another run",
            )
        return on


def _graph(name: str) -> str:
    return f"graphs/{name}.onnx"
