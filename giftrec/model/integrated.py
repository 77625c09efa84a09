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

from giftrec.model.category import CategoryMatcher
from giftrec.model.fusion import Fusion, GiftEncoder
from giftrec.model.inputs import Catalogue, Facts, Recipients, Texts, Words
from giftrec.model.pairs import pair_features
from giftrec.model.profile import ProfileEncoder, plain, plain_width
from giftrec.model.reward import Reward, RewardPredictor
from giftrec.model.settings import ModelSettings
from giftrec.model.tools import ToolSelector
from giftrec.vocabulary import TOOLS, Vocabulary


@dataclass(frozen=True)
class Prediction:
    """What the model says of recipients [B] and gifts [G]."""

    reward: Reward  # with the facts that are known
    before: Reward  # with none
    categories: Tensor  # [B, C] logits
    tools: Tensor  # [B, 5] logits
    similarity: Tensor  # [B, G] of the recipient's words and the gift's text


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
        self.register_buffer("word_buckets", texts.buckets, False)
        self.register_buffer("word_weight", texts.weight, False)
        families = Words.of(words)
        self.hobby_kind: Tensor
        self.preference_kind: Tensor
        self.closeness: Tensor
        self.personal: Tensor
        for name in ("hobby_kind", "preference_kind", "closeness", "personal"):
            self.register_buffer(name, getattr(families, name), False)

    def forward(self, who: Recipients, gifts: Catalogue, facts: Facts) -> Prediction:
        words = Words(self.hobby_kind, self.preference_kind, self.closeness, self.personal)
        features = plain(who, words)  # [B, F]
        profile = self.profile_encoder(who)  # [B, D]
        category = self.category.weight  # [C, D]
        encoder = self.profile_encoder
        of_words, of_gifts = self.texts(gifts)
        gift = self.gift_encoder(
            gifts, of_gifts, category, encoder.hobbies.table(), encoder.preferences.table()
        )  # [G, D]
        similarity = similarities(who, of_words, of_gifts)  # [B, G]
        pairs = torch.cat([pair_features(who, gifts, words), similarity[..., None]], dim=2)

        def reward(known: Facts) -> Reward:
            scored: Reward = self.reward_predictor(
                who, gifts, known, pairs, features, profile, gift
            )
            return scored

        before = reward(facts.masked(torch.zeros_like(facts.known)))
        looked = before.detached()
        fused = self.fusion(profile, gift, looked.expected)
        return Prediction(
            reward=reward(facts) if facts.known.any() else before,
            before=before,
            categories=self.category_matcher(fused, category, before.expected, gifts.category),
            tools=self.tool_selector(fused, looked, self.reward_predictor.cares(features)),
            similarity=similarity,
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


def tool_sets(logits: Tensor, ask_above: float) -> Tensor:
    """[B, 5] the tools to ask: 1 where the chance that asking pays is above `ask_above`."""
    assert logits.shape[1] == len(TOOLS)
    return (torch.sigmoid(logits) > ask_above).float()
