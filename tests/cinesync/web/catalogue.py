"""The catalogue of the tests: two halves, and titles and ids that would break a careless page."""

ITEMS = 40
HOSTILE = {  # titles and ids that would break a careless page
    "i0": "<script>alert(1)</script> (1999)",
    "i1": "\"><img src=x onerror=alert(2)> & 'Sons', The (2001)",
    "i2": "Matrix, The (1999)",
    "i4": "Amélie & Söhne {{ 7 * 7 }} (2001)",
    "a/b ?#%": "A Path of One's Own (1987)",
}


def ids() -> list[str]:
    return [*(f"i{n}" for n in range(ITEMS - 1)), "a/b ?#%"]


def even(item: str) -> bool:
    """Which half an item is of."""
    return ids().index(item) % 2 == 0
