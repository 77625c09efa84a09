"""The integrated gift model: five parts that learn together.

profile encoder   a recipient as one vector
cross-modal fusion   that vector after looking over the gifts, each weighed by its reward
category matcher   which kinds of gifts to look among
tool selector   which facts are worth asking for
reward predictor   how each gift will be received, given the facts that are known
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from giftrec.inputs import Texts
from giftrec.model.category import CategoryMatcher
from giftrec.model.fusion import Fusion, GiftEncoder
from giftrec.model.inputs import Catalogue, Facts, Recipients, Words
from giftrec.model.pairs import pair_features
from giftrec.model.profile import ProfileEncoder, plain, plain_width
from giftrec.model.reward import Reward, RewardPredictor
from giftrec.model.settings import ModelSettings
from giftrec.model.tools import ToolSelector
from giftrec.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prediction:
    """What the model says of recipients [B] and gifts [G]."""

    reward: Reward  # with the facts that are known
    before: Reward  # with none
    categories: Tensor  # [B, C] logits
    tools: Tensor  # [B, 5] logits
    similarity: Tensor  # [B, G] of the recipient's words and the gift's text


@dataclass(frozen=True)
class Encoded:
    """What is the same whoever looks."""

    words: Tensor  # [W, D] texts of the vocabulary's words
    texts: Tensor  # [G, D] the gifts' texts
    gifts: Tensor  # [G, D]


@dataclass(frozen=True)
class View:
    """Recipients before the gifts, and what can be seen of both without asking."""

    who: Recipients
    gifts: Catalogue
    profile: Tensor  # [B, D]
    gift: Tensor  # [G, D]
    features: Tensor  # [B, F]
    pairs: Tensor  # [B, G, F + 1]
    similarity: Tensor  # [B, G]


class GiftModel(nn.Module):
    """Recipients, the catalogue and facts -> Prediction."""

    def __init__(self, settings: ModelSettings, words: Vocabulary) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.profile_encoder = ProfileEncoder(settings, words)
        self.gift_encoder = GiftEncoder(settings, len(words.levels("occasion")))
        self.category = nn.Embedding(len(words.levels("category")), width)
        nn.init.normal_(self.category.weight, std=width**-0.5)
        self.category_matcher = CategoryMatcher(settings)
        self.reward_predictor = RewardPredictor(
            settings, plain_width(words), len(words.levels("category"))
        )
        self.fusion = Fusion(settings)
        self.tool_selector = ToolSelector(settings)
        texts = Texts.of([word.replace("_", " ") for word in words.words], settings.text_buckets)
        self.word_buckets: Tensor
        self.word_weight: Tensor
        self.register_buffer("word_buckets", torch.from_numpy(texts.buckets), False)
        self.register_buffer("word_weight", torch.from_numpy(texts.weight), False)
        families = Words.of(words)
        self.hobby_kind: Tensor
        self.preference_kind: Tensor
        self.closeness: Tensor
        self.personal: Tensor
        for name in ("hobby_kind", "preference_kind", "closeness", "personal"):
            self.register_buffer(name, getattr(families, name), False)

    def forward(self, who: Recipients, gifts: Catalogue, facts: Facts) -> Prediction:
        profile = self.profile_encoder(who)
        words, texts = self.texts(gifts)
        view = self.view(who, profile, gifts, Encoded(words, texts, self.encode(gifts, texts)))
        before = self.reward(view, facts.masked(torch.zeros_like(facts.known)))
        looked = self.look(view, before)
        after = self.reward(view, facts) if facts.known.any() else before
        categories, tools = self.wishes(view, before, looked)
        return Prediction(
            reward=after,
            before=before,
            categories=categories,
            tools=tools,
            similarity=view.similarity,
        )

    def encode(self, gifts: Catalogue, texts: Tensor) -> Tensor:
        """[G, D], from the gifts' encoded `texts` [G, D] and all else that is listed of them."""
        words = self.profile_encoder.hobbies.table(), self.profile_encoder.preferences.table()
        encoded: Tensor = self.gift_encoder(gifts, texts, self.category.weight, *words)
        return encoded

    def view(self, who: Recipients, profile: Tensor, gifts: Catalogue, encoded: Encoded) -> View:
        """Encoded recipients `profile` [B, D] before encoded gifts."""
        words = Words(self.hobby_kind, self.preference_kind, self.closeness, self.personal)
        similarity = similarities(who, encoded.words, encoded.texts)
        pairs = torch.cat([pair_features(who, gifts, words), similarity[..., None]], dim=2)
        return View(who, gifts, profile, encoded.gifts, plain(who, words), pairs, similarity)

    def reward(self, view: View, facts: Facts) -> Reward:
        pairs = view.pairs, view.features, view.profile, view.gift
        scored: Reward = self.reward_predictor(view.who, view.gifts, facts, *pairs)
        return scored

    def look(self, view: View, before: Reward) -> Tensor:
        """[B, D] profiles after looking over the gifts, each weighed by its reward."""
        fused: Tensor = self.fusion(view.profile, view.gift, before.detached().expected)
        return fused

    def wishes(self, view: View, before: Reward, looked: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of categories [B, C] and tools [B, 5], from the reward before asking."""
        expected, category = before.expected, view.gifts.category
        cares = self.reward_predictor.cares(view.features)
        return (
            self.category_matcher(looked, self.category.weight, expected, category),
            self.tool_selector(looked, before.detached(), cares),
        )

    def texts(self, gifts: Catalogue) -> tuple[Tensor, Tensor]:
        """[W, D] of the vocabulary's words and [G, D] of the gifts' texts, in one look-up: the
        gradient of a large table is written once."""
        widths = self.word_buckets.shape[1], gifts.text.shape[1]
        pad = nn.functional.pad
        rows, weight = (
            torch.cat([pad(part, (0, max(widths) - part.shape[1])) for part in parts])
            for parts in (
                (self.word_buckets, gifts.text),
                (self.word_weight, gifts.text_weight),
            )
        )
        vectors: Tensor = self.gift_encoder.text(rows, weight)
        words = len(self.word_buckets)
        return vectors[:words], vectors[words:]

    def embeddings(self) -> list[Tensor]:
        """The words' tables, which the embedding regularisation holds down (not the text's)."""
        text = self.gift_encoder.text.table
        tables = (m for m in self.modules() if isinstance(m, nn.Embedding) and m is not text)
        return [table.weight for table in tables]


def similarities(who: Recipients, words: Tensor, gifts: Tensor) -> Tensor:
    """[B, G] cosines of recipients and gifts, from texts `words` [W, D] and `gifts` [G, D]."""
    mine = torch.cat([who.hobbies, who.preferences], dim=1) @ words
    return nn.functional.normalize(mine, dim=1) @ nn.functional.normalize(gifts, dim=1).T
