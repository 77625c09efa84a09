"""Invented titles: readable, reproducible, nobody's film or series."""

from itertools import product

import numpy as np

ADJECTIVES = (
    "Silent Crimson Hidden Broken Golden Distant Hollow Restless Frozen Burning Gentle Wicked "
    "Northern Velvet Paper Iron Borrowed Forgotten Electric Pale Scarlet Secret Lonely Savage "
    "Midnight Wandering Emerald Bitter Painted Final"
)
NOUNS = (
    "Harbour Orchard Signal Letter Mountain River Garden Witness Compass Lantern Bridge Winter "
    "Promise Stranger Mirror Island Carnival Engine Shadow Summer Captain Tide Meadow Verdict "
    "Voyage Station Heart Kingdom Sparrow Clockmaker Alibi Comet Waltz Lighthouse"
)
PLACES = (
    "Lisbon, Marrow Street, Ashford, Valparaiso, Tallinn, Cedar Falls, Kyoto, Brindle Bay, "
    "Palermo, Juniper Lane, Dunmore, Aleppo, Saint-Malo, Wexley"
)
NAMES = (
    "Marlowe Okafor Lindqvist Varga Castellane Moreau Ibarra Whitlock Tanaka Brandt Nakamura "
    "Delaney Petrov Ashgrove Rossi Halloran Mbeki Sorensen Quill Abara"
)
KINDS = "Nights Hospital Division Confidential Chronicles Heights Unit"


def invent(films: int, series: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """So many different titles of films and of series."""
    adjectives, nouns, names = ADJECTIVES.split(), NOUNS.split(), NAMES.split()
    places = PLACES.split(", ")
    film_pool = [f"The {one} {noun}" for one, noun in product(adjectives, nouns)]
    film_pool += [f"{noun} of {place}" for noun, place in product(nouns, places)]
    film_pool += [f"{name}'s {noun}" for name, noun in product(names, nouns)]
    series_pool = [f"{one} & {other}" for one, other in product(names, names) if one != other]
    series_pool += [f"{place} {kind}" for place, kind in product(places, KINDS.split())]
    series_pool += [f"The {name} Files" for name in names]
    return _draw(film_pool, films, rng), _draw(series_pool, series, rng)


def _draw(pool: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """Without repeats; a pool that runs out goes on with sequels."""
    order = rng.permutation(len(pool))
    drawn = []
    for number in range(count):
        round_, place = divmod(number, len(pool))
        sequel = f" {round_ + 1}" if round_ else ""
        drawn.append(pool[order[place]] + sequel)
    return drawn
