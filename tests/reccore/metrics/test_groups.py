import numpy as np
import pytest

from reccore.metrics.groups import PopularityTable, by_history
from reccore.metrics.ranking import relevance
from reccore.metrics.topk import top_k


def test_thirds_by_history():
    lengths = np.array([1, 2, 3, 4, 5, 6])
    values = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    table = by_history(lengths, {"m": values}, 50, seed=0)
    assert list(table) == ["history:short", "history:medium", "history:long"]
    assert [table[name]["m"].value for name in table] == pytest.approx([0.1, 0.5, 0.9])
    assert [table[name]["users"].value for name in table] == [2, 2, 2]
    assert table["history:medium"]["shortest"].value == 3
    assert table["history:medium"]["longest"].value == 4
    assert table["history:long"]["m"].low == pytest.approx(0.8)


def test_equal_histories_are_one_group():
    table = by_history(np.full(5, 7), {"m": np.ones(5)}, 0, seed=0)
    assert list(table) == ["history:short"]
    assert table["history:short"]["m"].low is None


@pytest.mark.parametrize("seed", range(3))
def test_item_groups_equal_a_slow_count(world, seed):
    w = world(seed)
    groups, ks = w.catalogue.groups, (3, 10)
    items, _ = top_k(w.scores, w.holdout.histories, 10)
    hits, _ = relevance(items, w.holdout.targets, 40)
    table = PopularityTable.of(items, hits, w.holdout.targets, groups, ks)
    figures = table.summary(w.catalogue.popularity, groups, 50, seed=0)
    for number, name in enumerate(("head", "mid", "tail")):
        for k in ks:
            shares, recalls = [], []
            for user in range(60):
                listed = items[user, :k]
                shares.append(np.mean(groups[listed] == number))
                relevant = {i for i in w.holdout.targets.row(user) if groups[i] == number}
                if relevant:
                    recalls.append(len(relevant & set(listed)) / len(relevant))
            row = figures[f"items:{name}"]
            assert row[f"share@{k}"].value == pytest.approx(np.mean(shares))
            assert row[f"recall@{k}"].value == pytest.approx(np.mean(recalls))
            assert row[f"share@{k}"].low <= row[f"share@{k}"].value <= row[f"share@{k}"].high
    assert sum(row["items"].value for row in figures.values()) == 40
    assert sum(row["training_share"].value for row in figures.values()) == pytest.approx(1)
    assert sum(row["share@3"].value for row in figures.values()) == pytest.approx(1)


def test_a_group_without_relevant_items_has_no_recall(world):
    w = world()
    groups = np.zeros(40, dtype=np.int64)
    items, _ = top_k(w.scores, w.holdout.histories, 3)
    hits, _ = relevance(items, w.holdout.targets, 40)
    table = PopularityTable.of(items, hits, w.holdout.targets, groups, (3,))
    assert list(table.summary(w.catalogue.popularity, groups, 0, 0)) == ["items:head"]
    groups[39] = 2
    only = np.setdiff1d(np.arange(60), w.holdout.targets.row_of[w.holdout.targets.items == 39])
    table = PopularityTable.of(items[only], hits[only], w.holdout.targets.take(only), groups, (3,))
    tail = table.summary(w.catalogue.popularity, groups, 0, 0)["items:tail"]
    assert "share@3" in tail
    assert "recall@3" not in tail
