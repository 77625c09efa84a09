"""Writing a snapshot: checked, under a temporary name, flushed, renamed, never changed again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from giftrec.catalog.search import index_of
from giftrec.catalog.snapshot import FORMAT, VERSION
from giftrec.catalog.tables import ORDERS, REQUIRED, SCHEMAS, Frames, empty, shaped
from reccore.errors import UserError, need
from reccore.files import write_atomic

EARLIEST = date(1970, 1, 1)
SCRATCH = ".catalogue-"  # folders beside a snapshot that is being written
SLICE = 200_000  # rows that are hashed at once
SETTINGS = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


def write_snapshot(
    path: Path,
    tables: Frames,
    facts: Mapping[str, Any],
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Check the tables, write them to `path`, and return the snapshot's facts.

    `tables` has "gifts" and any of "offers", "prices", "demand", "reviews", without `number`
    columns: gifts are numbered in their order. `facts` needs "currency" and "as_of" (ISO date);
    format, version, counts, fingerprint and time of writing are added. Whoever reads `path`
    meanwhile reads what was there before; nothing is left behind when writing fails.
    """
    duckdb = need("duckdb", "duckdb")
    ready = numbered(tables)
    check(ready, facts)
    say("hashing")
    whole: dict[str, Any] = {
        **facts,
        "format": FORMAT,
        "version": VERSION,
        "counts": {name: frame.height for name, frame in ready.items()},
        "fingerprint": fingerprint(ready),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    say("indexing words")
    stored = {**ready, "words": index_of(ready["gifts"]), "facts": _fact_rows(whole)}

    def save(temporary: Path) -> None:
        beside = temporary.parent
        with TemporaryDirectory(dir=beside, prefix=SCRATCH) as folder:
            connection = duckdb.connect(str(temporary), config=SETTINGS)
            try:
                for name, frame in stored.items():
                    say(f"writing {name} ({frame.height:,} rows)")
                    rows = Path(folder) / f"{name}.parquet"
                    frame.write_parquet(rows, compression="uncompressed")
                    connection.execute(
                        f"CREATE TABLE {name} AS SELECT * FROM read_parquet($1)",  # noqa: S608
                        [str(rows)],
                    )
                    rows.unlink()
            finally:
                connection.close()
                Path(f"{temporary}.wal").unlink(missing_ok=True)
        temporary.chmod(0o444)

    write_atomic(path, save)
    return whole


def numbered(tables: Frames) -> dict[str, pl.DataFrame]:
    """The tables in their types and order, every row with its gift's number."""
    unknown = set(tables) - set(SCHEMAS)
    if unknown:
        raise UserError(f"no such table: {', '.join(sorted(unknown))}", ", ".join(SCHEMAS))
    given = {name: shaped(tables.get(name, empty(name)), name) for name in SCHEMAS}
    gifts = given["gifts"].with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64))
    ready = {"gifts": gifts}
    numbers = gifts.select(pl.col("id").alias("gift"), "number").unique("gift", keep="first")
    for name, frame in given.items():
        if name == "gifts":
            continue
        joined = frame.drop("number").join(numbers, on="gift", how="left")
        ready[name] = shaped(joined, name).sort(*ORDERS[name])
    return ready


def check(tables: Frames, facts: Mapping[str, Any]) -> None:
    """Refuse tables that no tool could trust, naming the first row that is wrong."""
    for fact in ("currency", "as_of"):
        if not facts.get(fact):
            raise UserError(f"the catalogue's {fact} is not stated", "facts need it")
    as_of, currency = date.fromisoformat(str(facts["as_of"])), str(facts["currency"])
    gifts = tables["gifts"]
    if not gifts.height:
        raise UserError("the catalogue has no gifts", "an empty one recommends nothing")
    for table, columns in REQUIRED.items():
        for column in columns:
            _refuse(tables, table, pl.col(column).is_null(), f"has no {column}")
    _refuse(tables, "gifts", pl.col("id").is_duplicated(), "has an id that is there twice")
    _refuse(tables, "gifts", pl.col("id").str.len_chars() == 0, "has an empty id")
    _refuse(tables, "gifts", pl.col("title").str.strip_chars() == "", "has an empty title")
    _refuse(tables, "gifts", pl.col("age_low") > pl.col("age_high"), "has ages that end too early")
    _refuse(tables, "gifts", ~pl.col("stars").is_between(1, 5), "has stars beyond 1 to 5")
    _refuse(tables, "gifts", pl.col("ratings") < 0, "has fewer than 0 ratings")
    for column in ("intimacy", "quality", "trendiness"):
        _refuse(tables, "gifts", ~pl.col(column).is_between(0, 1), f"has {column} beyond 0 to 1")
    for table in ("offers", "prices", "demand", "reviews"):
        _refuse(tables, table, pl.col("number").is_null(), "is about a gift that is not there")
    for table in ("gifts", "offers", "prices"):
        _refuse(tables, table, pl.col("price") <= 0, "has a price that is not above 0")
    for table in ("gifts", "offers"):
        _refuse(tables, table, pl.col("currency") != currency, f"is not in {currency}")
    for column in ("fees", "stock", "lead_days"):
        _refuse(tables, "offers", pl.col(column) < 0, f"has {column} below 0")
    _refuse(tables, "offers", pl.struct("gift", "shop").is_duplicated(), "has a shop twice")
    _refuse(tables, "prices", pl.struct("gift", "shop", "on").is_duplicated(), "has a day twice")
    _refuse(tables, "demand", ~(pl.col("sold") >= 0), "has sales below 0")
    _refuse(tables, "demand", ~pl.col("sold").is_finite(), "has sales that are no number")
    _refuse(tables, "demand", pl.col("week").dt.weekday() != 1, "has a week that is no Monday")
    _refuse(tables, "demand", pl.struct("gift", "week").is_duplicated(), "has a week twice")
    _refuse(tables, "reviews", ~pl.col("stars").is_between(1, 5), "has stars beyond 1 to 5")
    for table, column in (
        ("offers", "as_of"),
        ("prices", "on"),
        ("demand", "week"),
        ("reviews", "on"),
    ):
        sane = pl.col(column).is_between(EARLIEST, as_of)
        _refuse(tables, table, ~sane, f"has a {column} outside {EARLIEST} to {as_of}")


def _refuse(tables: Frames, table: str, wrong: pl.Expr, what: str) -> None:
    bad = tables[table].filter(wrong)
    if bad.height:
        row = bad.row(0, named=True)
        shown = {k: row[k] for k in list(row)[:5] if row[k] is not None}
        raise UserError(
            f"table {table}: a row {what} ({bad.height} such rows)", f"the first: {shown}"[:300]
        )


def fingerprint(tables: Frames) -> str:
    """A hash of all rows of all tables, whatever wrote them and when."""
    total = hashlib.sha256()
    for name in SCHEMAS:
        frame = tables[name]
        lists = [c for c, kind in frame.schema.items() if kind == pl.List(pl.String)]
        flat = frame.with_columns(pl.col(lists).list.join("\x1f")) if lists else frame
        total.update(f"{name}:{','.join(flat.columns)}\n".encode())
        for start in range(0, flat.height, SLICE):
            text = flat.slice(start, SLICE).write_csv(include_header=False, null_value="\x00")
            total.update(text.encode())
    return total.hexdigest()[:16]


def _fact_rows(facts: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "key": list(facts),
            "value": [
                json.dumps(value, ensure_ascii=False, default=str) for value in facts.values()
            ],
        },
        schema={"key": pl.String, "value": pl.String},
    )
