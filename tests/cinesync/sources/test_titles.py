"""Titles: distinct at any size, and the same for the same seed."""

import numpy as np

from cinesync.sources.titles import invent


def test_titles_are_distinct_and_reproducible() -> None:
    films, series = invent(4000, 900, np.random.default_rng(0))
    assert (len(films), len(series)) == (4000, 900)
    assert len(set(films + series)) == 4900
    assert invent(4000, 900, np.random.default_rng(0)) == (films, series)
    assert invent(10, 5, np.random.default_rng(1))[0] != films[:10]
