"""A text as words. What is hostile in it (markup, control characters, endless runs) is only text.

Words are folded: case, accents and compatibility forms go, and an English plural's s. Every
limit is there so that one text cannot cost more than its share.
"""

import re
import unicodedata
from functools import lru_cache
from zlib import crc32

LONGEST_TEXT = 20_000  # characters of a gift's text that are read
LONGEST_WORD = 40
VOWEL = re.compile("[aeiouy]")
SHORT = re.compile("[^aeiou][aeiouy][^aeiouwxy]$")
GRAMS = (3, 4)  # lengths of the character n-grams of a word
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SAYS_LITTLE = """
    a about after all also am an and any are as at be been but by can do does for from get gift
    gifts has have he her hers him his i if in into is it its just like likes love loves me more
    my no not of on or our out over present presents she so some that the their them then there
    these they this to too up very was we what when which who will with would you your
"""
STOP = frozenset(SAYS_LITTLE.split())


def folded(text: str) -> str:
    """Lower case without accents, compatibility forms made plain."""
    wide = unicodedata.normalize("NFKD", text[:LONGEST_TEXT]).casefold()
    bare = "".join(c for c in wide if not unicodedata.combining(c))
    return unicodedata.normalize("NFKC", bare)


def words(text: str) -> list[str]:
    """The words of a text that say something, in their order."""
    return [stem(word) for word in WORD.findall(folded(text)) if word not in STOP]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The word without an English ending: candles -> candle, hikers -> hike, baking -> bake.

    Fewer endings than Porter (1980): those of plurals, possessors, doers and doing.
    """
    word = (re.split("['’]", word, maxsplit=1)[0] or word)[:LONGEST_WORD]
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "er", "ed"):
        rest = word.removesuffix(ending)
        if len(rest) >= 3 and rest != word and VOWEL.search(rest):
            word = _mended(rest)
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _mended(rest: str) -> str:
    """What an ending was put to: runn -> run, hik -> hike, paint -> paint."""
    if rest[-1] == rest[-2] and (rest[-1] not in "lsz" or len(rest) > 5):
        return rest[:-1]
    return rest + "e" if SHORT.search(rest) else rest


def grams(word: str) -> list[str]:
    """Distinct character n-grams of a word with its ends marked, in their order."""
    marked = f"<{word}>"
    found = (
        marked[start : start + size]
        for size in GRAMS
        for start in range(max(1, len(marked) - size + 1))
    )
    return list(dict.fromkeys(found))


def bucket(token: str, buckets: int) -> int:
    """The row of a bounded table that a token points into: the same on every machine."""
    return crc32(token.encode("utf-8", "surrogatepass")) % buckets
