"""What may be asked of a bundle beyond the best items: lately met, relevant enough, alike, why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinesync.bundles import export
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.alike import similar
from reccore.bundle.answer import Request
from reccore.bundle.asking import who
from reccore.bundle.bundle import Bundle
from reccore.errors import UserError
from reccore.explain.removal import LATEST, evidence, removal

Made = Callable[[str], Bundle]
QUICK = {
    "two-tower": {"train": {"epochs": 2, "evaluate_every": 2}, "model": {"dim": 16}},
    "sasrec": {"train": {"epochs": 1, "evaluate_every": 1}, "model": {"dim": 16, "length": 20}},
    "ncf": {"train": {"epochs": 1}, "model": {"dim": 8}},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, kept = tmp_path_factory.mktemp("asking"), dict[str, Bundle]()

    def make(model: str) -> Bundle:
        if model not in kept:
            changes: dict[str, Any] = {
                "data": {"options": {"users": 200, "items": 120}},
                "evaluate": {"bootstrap": 0},
                **QUICK.get(model, {}),
            }
            run = train(resolve(model, changes=changes), out=folder / model)[0]
            kept[model] = Bundle.open(export(run, folder / f"{model}-bundle").path)
        return kept[model]

    return make


def names(answer: Any) -> list[Any]:
    return [one.item for one in answer.items]


@pytest.mark.parametrize("model", ["two-tower", "sasrec", "ease"])
def test_what_a_user_met_lately_counts_as_if_it_were_in_the_bundle(made: Made, model: str) -> None:
    bundle = made(model)
    user = bundle.users.ids.externals[3]  # type: ignore[union-attr]
    known = bundle.items.ids.decode(bundle.seen.row(3)).to_list()
    new = [item for item in bundle.items.ids.externals if item not in known][:3]
    answer = bundle.recommend(user, since=new, k=20)
    assert not set(new) & set(names(answer))
    assert not set(known) & set(names(answer))
    if model == "ease":  # it knows a user by the history alone
        assert names(answer) == names(bundle.recommend(history=[*known, *new], k=20))
    assert names(answer) != names(bundle.recommend(user, k=20))


def test_lately_met_needs_a_user(made: Made) -> None:
    with pytest.raises(UserError, match="none is given"):
        made("ease").recommend(history=["1"], since=["2"])


def test_unknown_items_met_lately_are_said(made: Made) -> None:
    bundle = made("ease")
    answer = bundle.recommend(bundle.users.ids.externals[0], since=["no-such"])  # type: ignore[union-attr]
    assert answer.codes == ("unknown_items",)
    assert answer.degraded == ("unknown items are left out: no-such",)


def test_only_what_is_relevant_enough_is_answered(made: Made) -> None:
    bundle = made("two-tower")
    user = bundle.users.ids.externals[5]  # type: ignore[union-attr]
    whole = bundle.recommend(user, k=30)
    shares = [one.relevance for one in whole.items]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    least = shares[7]
    some = bundle.recommend(user, k=30, least=least)
    assert names(some) == names(whole)[: sum(share >= least for share in shares)]
    assert some.codes == ("fewer_items",)
    assert "are as relevant as asked" in some.degraded[0]
    varied = bundle.recommend(user, k=5, least=least, diversity=0.9)
    assert set(names(varied)) <= set(names(some))
    with pytest.raises(UserError, match="least is 2"):
        bundle.recommend(user, least=2.0)


def test_relevance_does_not_depend_on_how_many_are_asked_for(made: Made) -> None:
    bundle = made("ease")
    user = bundle.users.ids.externals[5]  # type: ignore[union-attr]
    few, many = (bundle.recommend(user, k=k).items for k in (3, 10))
    assert [one.relevance for one in few] == [one.relevance for one in many[:3]]


@pytest.mark.parametrize("model", ["two-tower", "sasrec", "ease", "item-knn", "ials", "ncf"])
def test_alike_is_what_the_slow_way_finds(made: Made, model: str) -> None:
    bundle = made(model)
    item = bundle.items.ids.externals[7]
    found = similar(bundle, item, 5)
    vectors = bundle.scorer.parts.items.get("vectors")
    if model in ("ease", "item-knn"):
        weights = bundle.scorer.near(7)  # type: ignore[attr-defined]
        alone = bundle.scorer.score(who(bundle, Request(history=[item]), [])[0])[0]
        np.testing.assert_array_equal(weights, alone)
        likeness = weights
    else:
        rows = bundle.kinds_of(np.arange(120, dtype=np.int32))
        if vectors is not None:
            rows = np.asarray(vectors, np.float32)[:, : None if model == "ials" else -1]
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        likeness = units @ units[7]
        assert found.by == ("features" if model == "ncf" else "model")
    order = [code for code in np.argsort(-likeness, kind="stable") if code != 7][:5]
    np.testing.assert_allclose(found.likeness, likeness[order], rtol=1e-5)
    assert 7 not in found.codes


def test_nothing_is_alike_where_nothing_was_learned(made: Made, tmp_path: Path) -> None:
    bundle = Bundle(made("popularity").folder, made("popularity").manifest)
    object.__setattr__(bundle.items, "features", {})
    with pytest.raises(UserError, match="learned nothing"):
        similar(bundle, bundle.items.ids.externals[0], 3)


@pytest.mark.parametrize("model", ["two-tower", "sasrec", "ease"])
def test_reasons_are_what_an_answer_loses_without_them(made: Made, model: str) -> None:
    bundle = made(model)
    history = bundle.items.ids.externals[:8]
    batch, _ = who(bundle, Request(history=history), [])
    shown = bundle.codes(names(bundle.recommend(history=history, k=4)))
    drops, met = removal(bundle.scorer, batch, shown)
    whole = bundle.scorer.score(batch)[0, shown]
    for column, code in enumerate(met):
        less = [one for one in history if one != bundle.items.ids.externals[code]]
        scores = bundle.scorer.score(who(bundle, Request(history=less), [])[0])[0, shown]
        np.testing.assert_allclose(drops[:, column], whole - scores, atol=2e-5)
    for row, found in zip(drops, evidence(bundle.scorer, batch, shown), strict=True):
        weight = np.maximum(row, 0)
        assert len(found.codes) == min(3, np.count_nonzero(weight))
        if len(found.codes):
            assert found.codes[0] == met[row.argmax()]
            np.testing.assert_allclose(found.shares[0], weight.max() / weight.sum(), rtol=1e-5)


def test_a_planted_cause_is_the_reason(made: Made) -> None:
    """EASE's scores are sums over the history: the largest weight is the reason, for certain."""
    bundle = made("ease")
    codes = np.arange(10, 22, dtype=np.int32)
    batch, _ = who(bundle, Request(history=[bundle.items.ids.externals[c] for c in codes]), [])
    shown = np.array([40, 41], dtype=np.int32)
    weights = bundle.scorer.parts.items["weights"]
    for item, found in zip(shown, evidence(bundle.scorer, batch, shown, most=1), strict=True):
        best = codes[int(np.argmax(np.asarray(weights)[codes, item]))]
        if len(found.codes):
            assert found.codes[0] == best


def test_the_latest_of_a_long_history_are_looked_at(made: Made) -> None:
    bundle = made("ease")
    history = [*bundle.items.ids.externals[:70], bundle.items.ids.externals[0]]
    batch, _ = who(bundle, Request(history=history), [])
    _, met = removal(bundle.scorer, batch, np.array([100], dtype=np.int32))
    assert len(met) == LATEST
    assert met[-1] == 0
    assert 21 in met
    assert 20 not in met
