"""What can be seen of a recipient and a gift together: the reward's linear part stands on these."""

import torch
from torch import Tensor

from giftrec.model.inputs import Catalogue, Recipients, Words

NAMES = (
    "hobby",
    "hobby_kind",
    "preference",
    "preference_kind",
    "hobby_and_preference",
    "occasion",
    "outside_ages",
    "too_intimate",
    "price",
)


def pair_features(who: Recipients, gifts: Catalogue, words: Words) -> Tensor:
    """[B, G, 9], each about between 0 and 1."""
    shared = who.hobbies @ gifts.hobbies.T
    hobby = (shared > 0).float()
    kind = (
        (who.hobbies @ words.hobby_kind > 0).float() @ _has(gifts.hobbies, words.hobby_kind)
    ) > 0
    wished = who.preferences.sum(1, keepdim=True).clamp_min(1)
    preference = who.preferences @ gifts.preferences.T / wished
    type_of = words.preference_kind
    alike = (who.preferences @ type_of > 0).float() @ _has(gifts.preferences, type_of)
    occasion = gifts.occasions.T[who.occasion]  # [B, G]
    age = who.age[:, None]
    outside = torch.relu(torch.maximum(gifts.youngest - age, age - gifts.oldest))
    close = 0.7 * words.closeness[who.relationship] + 0.3 * words.personal[who.occasion]
    intimate = torch.relu(gifts.intimacy - close[:, None])
    price = (torch.log(gifts.price / 1000) / 3.4).clamp(0, 1).expand(who.age.shape[0], -1)
    columns = (
        hobby,
        kind.float() * (1 - hobby),
        preference,
        alike.clamp_max(2) / 2,
        hobby * preference,
        occasion,
        1 - torch.exp(-outside / 12),
        intimate,
        price,
    )
    return torch.stack(columns, dim=2)


def _has(members: Tensor, kinds: Tensor) -> Tensor:
    """[F, G] 1 where a gift has a word of the family."""
    return (members @ kinds > 0).float().T
