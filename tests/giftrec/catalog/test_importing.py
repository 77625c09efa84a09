"""A shop's files become a catalogue, and every row is accounted for."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftrec.catalog.importing import Imported, read_catalogue
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.told import Told
from giftrec.catalog.writing import write_snapshot
from giftrec.money import Money, RateTable
from reccore.errors import UserError

TRAIN = 'A1;" Wooden &amp; painted train ";<p>For small hands</p>;Toys > Trains;£12.99;5 new'
MESSY = f"""sku;name;description;category;price;availability;rating;number of reviews;age
{TRAIN};4.9 out of 5 stars;12;3 years and up
A2;Espresso mug;;Kitchen;"9,50 £";In stock;;;
A3;Range kite;;Outdoor;£5.99 - £9.99;Out of stock;8/10;1,024;36 months - 8 years
A4;No price yarn;;;;2 used;;;
A5;Call us;;;call us;;;;
A6;;;;4.00;;;;
;Nameless code;;;4.00;;;;
A7;Free thing;;;0;;;;
{TRAIN};4.9 out of 5 stars;12;3 years and up
A2;Another mug;;Kitchen;£8;;;;
A8;Dollar drum;;;$20;;;;
A9;Odd fields;;;3.00;lots;good;some;big
B1;short row
"""
ANY = Told()


def imported(tmp_path: Path, content: str, told: Told = ANY, name: str = "shop.csv") -> Imported:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return read_catalogue([path], told)


def written(tmp_path: Path, found: Imported) -> Snapshot:
    write_snapshot(tmp_path / "out.duckdb", found.tables, found.facts)
    return Snapshot.open(tmp_path / "out.duckdb")


def test_a_messy_list(tmp_path: Path) -> None:
    found = imported(tmp_path, MESSY, Told(currency="GBP", as_of=date(2026, 11, 1)))
    report = found.report.as_dict()
    assert report["rows"] == {"read": 13, "taken": 5, "rejected": 8}
    assert report["rejected"] == {
        "no id": 1,
        "no title": 1,
        "price is no amount of money": 1,
        "price is not above 0": 1,
        "price is in USD, the catalogue is in GBP": 1,
        "repeats an earlier row": 1,
        "an id that the shop has already, with other content": 1,
        "fewer fields than columns": 1,
    }
    assert report["examples"]["price is no amount of money"] == [
        {"file": "shop.csv", "row": 5, "value": "call us"}
    ]
    assert report["mended"]["price"]["range: the higher price"] == 1
    assert report["mended"]["title"] == {"HTML entities, white space": 2}
    assert report["left_unknown"]["price"] == {"not stated: kept without an offer": 1}
    assert report["left_unknown"]["stock"] == {"is no count": 1}
    assert report["files"][0]["mapping"]["stock"] == ["availability"]
    with written(tmp_path, found) as snapshot:
        assert snapshot.ids == ["A1", "A2", "A3", "A4", "A9"]
        assert snapshot.price.tolist() == [1299, 950, 999, 0, 300]
        train = snapshot.gift("A1")
        assert (train.title, train.description) == ("Wooden & painted train", "For small hands")
        assert (train.stars, train.ratings, train.age_low, train.shelf) == (
            4.9,
            12,
            3,
            "Toys > Trains",
        )
        assert (snapshot.gift("A3").age_low, snapshot.gift("A3").age_high) == (3, 8)
        offers = {row["gift"]: row for row in snapshot.offers.to_dicts()}
        assert offers.keys() == {"A1", "A2", "A3", "A9"}  # no price, no offer
        assert [offers[g]["stock"] for g in ("A1", "A2", "A3", "A9")] == [5, 1, 0, None]
        assert {row["shop"] for row in offers.values()} == {"shop"}
        assert {row["as_of"] for row in offers.values()} == {date(2026, 11, 1)}
        assert snapshot.facts["report"]["rows"]["read"] == 13
        assert "word rules" in snapshot.facts["words"]


def test_the_report_says_it_in_lines(tmp_path: Path) -> None:
    lines = list(imported(tmp_path, MESSY, Told(currency="GBP")).report.lines())
    assert "13 rows read, 5 taken, 8 rejected" in lines
    assert any(
        "rejected 1: price is no amount of money  (e.g. row 5 'call us')" in x for x in lines
    )
    assert "  title = name" in lines


def test_other_currencies_by_dated_rates(tmp_path: Path) -> None:
    rates = RateTable(on=date(2026, 11, 1), base="GBP", rates={"USD": 0.8})
    found = imported(tmp_path, MESSY, Told(currency="GBP", rates=rates))
    drum = found.tables["offers"].filter(pl.col("gift") == "A8")
    assert drum["price"].to_list() == [1600]
    assert set(found.tables["offers"]["currency"]) == {"GBP"}


def test_the_currency_is_found_or_asked_for_never_guessed(tmp_path: Path) -> None:
    head = "id,title,price\n"
    assert imported(tmp_path, head + "1,a,€5\n2,b,6\n").facts["currency"] == "EUR"
    coded = imported(tmp_path, "id,title,price,currency\n1,a,5,chf\n")
    assert coded.facts["currency"] == "CHF"
    with pytest.raises(UserError, match=r"no price says its currency.*--currency"):
        imported(tmp_path, head + "1,a,5\n")
    with pytest.raises(UserError, match="prices are in EUR, GBP"):
        imported(tmp_path, head + "1,a,€5\n2,b,£5\n")


def test_fees_are_unknown_unless_told(tmp_path: Path) -> None:
    content = "id,title,price,shipping\n1,a,€5,€2.50\n2,b,€5,\n3,c,€5,free\n"
    assert imported(tmp_path, content).tables["offers"]["fees"].to_list() == [250, None, 0]
    told = Told(fees=Money(minor=199, currency="EUR"))
    assert imported(tmp_path, content, told).tables["offers"]["fees"].to_list() == [250, 199, 0]
    with pytest.raises(UserError, match="does not match prices in EUR"):
        imported(tmp_path, content, Told(fees=Money(minor=199, currency="GBP")))


def test_two_shops_offer_the_same_gift(tmp_path: Path) -> None:
    for name, price in (("north", 12), ("south", 9)):
        (tmp_path / f"{name}.csv").write_text(f"id,title,price\nA,Mug,{price}\n{name},Own,5\n")
    files = [tmp_path / "north.csv", tmp_path / "south.csv"]
    found = read_catalogue(files, Told(currency="EUR"))
    assert found.report.taken == 4
    with written(tmp_path, found) as snapshot:
        assert snapshot.ids == ["A", "north", "south"]
        assert snapshot.rows("offers", ["A"])["shop"].to_list() == ["south", "north"]
        assert snapshot.gift("A").price == 900


def test_ids_are_made_from_titles(tmp_path: Path) -> None:
    found = imported(tmp_path, "title,price\nÉclair tin,€3\nÉclair tin,€3\nJam,€4\n")
    ids = found.tables["gifts"]["id"].to_list()
    assert len(ids) == 2
    assert ids[1].startswith("jam-")
    assert found.report.rejected == {"repeats an earlier row": 1}


def test_stated_words_are_kept_and_others_named(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        "id,title,price,hobbies\n1,Garden book,€5,Cooking; interior design\n"
        "2,Garden book two,€5,juggling\n",
    )
    hobbies = found.tables["gifts"]["hobbies"].to_list()
    assert hobbies[0] == ["cooking", "interior_design"]
    assert "gardening" in hobbies[1]
    assert found.report.unread["hobbies"] == {"words that the vocabulary does not have": 1}


def test_reviews_become_rows_without_names(tmp_path: Path) -> None:
    field = (
        "Five Stars // 5.0 // 27 Dec. 2014 // By\n \n Ann B.\n on 27 Dec. 2014 // fine | "
        "Bad // 1.0 // 2 May 2015 // By C on 2 May 2015 // broke | at once | "
        "Late // 3.0 // 3 May 2015 // By Ann B. on 3 May 2015 // so so | Goo"
    )
    lines = [
        json.dumps({"id": "1", "title": "a", "price": "€3", "reviews": field}),
        json.dumps(
            {"id": "2", "title": "b", "price": "€3", "reviews": [{"rating": 4, "body": "ok"}]}
        ),
        json.dumps({"id": "3", "title": "c", "price": "€3", "reviews": "Just nice"}),
    ]
    found = imported(tmp_path, "\n".join(lines), name="a.jsonl")
    reviews = found.tables["reviews"]
    assert reviews["text"].to_list() == [
        "fine",
        "Bad. broke | at once",
        "Late. so so",
        "ok",
        "Just nice",
    ]
    assert reviews["stars"].to_list() == [5, 1, 3, 4, None]
    assert reviews["reviewer"].to_list() == ["r1", "r2", "r1", None, None]
    assert reviews["on"].to_list()[:2] == [date(2014, 12, 27), date(2015, 5, 2)]
    assert found.facts["as_of"] == "2015-05-03"
    assert found.report.unread["reviews"] == {"cut off before their text: left out": 1}
    gifts = found.tables["gifts"]
    assert gifts["ratings"].to_list() == [3, 1, 1]
    assert gifts["stars"].to_list() == [3.0, 4.0, None]
    early = imported(tmp_path, "\n".join(lines), Told(as_of=date(2015, 1, 1)), name="a.jsonl")
    assert early.tables["reviews"]["on"].to_list()[:3] == [date(2014, 12, 27), None, None]


def test_nothing_that_can_be_taken(tmp_path: Path) -> None:
    found = imported(tmp_path, "id,title,price\n1,a,free\n", Told(currency="EUR"))
    assert (found.tables, found.report.rejected.total()) == ({}, 1)


def test_what_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        read_catalogue([], Told())
    with pytest.raises(UserError, match=r"no column is known.*--map title=COLUMN"):
        imported(tmp_path, "colour,size\nred,3\n", Told(currency="EUR"))
    with pytest.raises(UserError, match="unknown category 'toyz'"):
        imported(tmp_path, "id,title,price\n1,a,3\n", Told(currency="EUR", category="toyz"))
    sales = tmp_path / "sales.csv"
    sales.write_text("id,date,quantity,price\n1,2026-01-01,2,3\n")
    gifts = tmp_path / "gifts.csv"
    gifts.write_text("id,title,price\n1,a,3\n")
    with pytest.raises(UserError, match="some files list gifts"):
        read_catalogue([gifts, sales], Told(currency="EUR"))


wild = st.one_of(
    st.sampled_from(
        ["", "A", "B", "£3", "3,50", "1 - 2", "0", "n/a", "5 new", "4/5", "3+", "€1.299,00"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=10),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(wild, min_size=7, max_size=7), min_size=1, max_size=8))
def test_whatever_the_rows_are_all_are_accounted_for(
    tmp_path: Path, rows: Sequence[list[str]]
) -> None:
    names = ["id", "title", "price", "stock", "rating", "ages", "reviews"]
    path = tmp_path / "wild.jsonl"
    path.write_text(
        "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows), encoding="utf-8"
    )
    found = read_catalogue([path], Told(currency="EUR"))
    report = found.report
    assert report.read == len(rows) == report.taken + report.rejected.total()
    if found.tables:
        out = tmp_path / "wild.duckdb"
        facts = write_snapshot(out, found.tables, found.facts)
        assert facts["counts"]["gifts"] <= report.taken
    json.dumps(report.as_dict())
