"""Amazon: reviews of three vintages, CSV of two column orders, and metadata."""

import gzip
import json
from pathlib import Path

import pytest

from cinesync.sources import load
from reccore.data.dataset import Dataset
from reccore.errors import UserError

REVIEWS = [
    {
        "reviewerID": "A2HD75EMZR8QLN",
        "asin": "0700099867",
        "helpful": [8, 12],
        "reviewText": "Nice",
        "overall": 1.0,
        "unixReviewTime": 1341792000,
    },
    {
        "reviewerID": "A3UR8NLLY1ZHCX",
        "asin": "B000A1B2C3",
        "overall": 4,
        "unixReviewTime": 1341792001,
    },
]
LATER = [
    {"user_id": "U1", "parent_asin": "P1", "rating": 5.0, "timestamp": 1588687728923, "text": "x"}
]


def lines(records: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def pairs(data: Dataset) -> list[tuple[object, object, float, int]]:
    rows = data.interactions
    assert rows.values is not None
    assert rows.timestamps is not None
    users, items = rows.user_ids.decode(rows.users), rows.item_ids.decode(rows.items)
    return list(zip(users, items, rows.values.tolist(), rows.timestamps.tolist(), strict=True))


EXPECTED = [
    ("A2HD75EMZR8QLN", "0700099867", 1.0, 1341792000),
    ("A3UR8NLLY1ZHCX", "B000A1B2C3", 4.0, 1341792001),
]


@pytest.mark.parametrize("name", ["reviews.json", "reviews.json.gz", "reviews.jsonl"])
def test_reviews(tmp_path: Path, name: str) -> None:
    content = lines(REVIEWS)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert pairs(load("amazon", path).dataset) == EXPECTED
    assert pairs(load("amazon", tmp_path).dataset) == EXPECTED  # the only file of the folder


def test_reviews_of_2023_are_in_milliseconds(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(LATER))
    assert pairs(load("amazon", tmp_path).dataset) == [("U1", "P1", 5.0, 1588687728)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_ratings_csv_in_either_order(tmp_path: Path, order: tuple[int, int]) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("".join(f"{r[order[0]]},{r[order[1]]},{r[2]},{r[3]}\n" for r in EXPECTED))
    assert pairs(load("amazon", path).dataset) == EXPECTED


def test_ratings_csv_with_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,parent_asin,rating,timestamp\nU1,P1,5.0,1588687728923\n")
    assert pairs(load("amazon", path).dataset) == [("U1", "P1", 5.0, 1588687728)]


def test_metadata(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(lines(REVIEWS))
    meta = tmp_path / "meta_r.json"
    meta.write_bytes(
        lines(
            [{"asin": "B000A1B2C3", "title": "A film", "category": ["TV", "Drama"], "brand": "X"}]
        )
    )
    data = load("amazon", tmp_path, items=meta).dataset
    assert data.items.titles == ("0700099867", "A film")
    assert data.items.features["categories"].vocabulary == ("Drama", "TV")


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(lines(REVIEWS) + b"{'asin': 'x'}\n")
    with pytest.raises(UserError, match="line 3 is not JSON"):
        load("amazon", path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        load("amazon", path)
    path.write_bytes(lines([{"asin": "B000A1B2C3", "overall": 3.0, "unixReviewTime": 1}]))
    with pytest.raises(UserError, match=r"column 'user'.*row 1 is empty"):
        load("amazon", path)
    (tmp_path / "s.json").write_bytes(b"")
    with pytest.raises(UserError, match=r"2 review files \(r\.json, s\.json\)"):
        load("amazon", tmp_path)
