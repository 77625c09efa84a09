"""`giftrec catalog`: a shop's files become the catalogue that answers."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giftrec.catalog.mapping import ALIASES, PRESETS
from giftrec.show import Show
from reccore.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from giftrec.catalog.snapshot import Snapshot

catalog = typer.Typer(
    help="Your gifts: import files, look into the catalogue, choose which one answers.",
    epilog="Start with: giftrec catalog import gifts.csv --currency EUR --dry-run",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

FOLDER = Path("catalogue")
NOTHING_TAKEN = 2
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Folder = Annotated[Path, typer.Option("--catalogue", help="The catalogue's folder.")]


@catalog.command("import", epilog="Roles for --map: " + ", ".join(ALIASES))
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="CSV, JSONL or Parquet; several files together."),
    ] = None,
    mapping: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="ROLE=COLUMN,...",
            help="Which column is what, where names do not tell: `title=Name,category=Group+Type`.",
        ),
    ] = [],  # noqa: B006
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Column names of CSV files without a header line."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A known source: " + ", ".join(PRESETS) + ".")
    ] = None,
    generated: Annotated[
        str | None, typer.Option("--from", help="`generated`: made-up gifts instead of files.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many generated gifts.")] = 45,
    seed: Annotated[int, typer.Option(help="Decides generated gifts.")] = 7,
    currency: Annotated[
        str | None, typer.Option(help="Of prices that do not name one, and of the catalogue.")
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(help="A dated rate table (JSON), for prices in other currencies."),
    ] = None,
    fees: Annotated[
        str | None,
        typer.Option(help="Shipping and wrapping of offers that state none, e.g. 2.95GBP."),
    ] = None,
    shop: Annotated[
        str | None, typer.Option(help="Whose offers these are (default: the file's name).")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Of gifts whose words do not tell (default: unknown).")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Your own words: a TOML file like the shipped one.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Day of which prices and stock speak, 2026-11-21."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The catalogue's folder.")] = FOLDER,
    keep: Annotated[int, typer.Option(help="How many snapshots stay, for rollback.")] = 3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report only; publish nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read a shop's files, report every row that cannot be taken, and make the rest live.

    Columns are found by their names and the report says which; check it with `--dry-run` first.

    * a list of gifts: `giftrec catalog import gifts.csv --currency EUR`
    * other column names: `... --map title=Artikel,price=Preis`
    * invoice lines: the same, with columns for product, day, quantity and price
    * to try it out: `giftrec catalog import --from generated --count 1000`
    """
    show = Show(as_json)
    if generated is not None:
        _import_generated(show, generated, files, count, seed, out, keep, dry_run)
        return
    from giftrec.catalog.importing import read_catalogue
    from giftrec.catalog.live import Catalogue
    from giftrec.catalog.mapping import parse_map
    from giftrec.catalog.sources.told import Told
    from giftrec.money import Money
    from giftrec.vocabulary import load_vocabulary

    told = Told(
        mapping={role: named for text in mapping for role, named in parse_map(text).items()},
        columns=tuple(name.strip() for name in columns.split(",")) if columns else (),
        preset=preset,
        currency=_currency(currency),
        shop=shop,
        as_of=_day(as_of),
        fees=None if fees is None else Money.parse(fees, "--fees"),
        category=category,
        rates=_rates(rates),
        vocabulary=load_vocabulary(vocabulary),
    )
    imported = read_catalogue(files or [], told, show.say)
    report = imported.report
    if imported.tables and not dry_run:
        path = Catalogue(out).publish(imported.tables, imported.facts, keep, show.say)
        report.result = {"published": str(path), **_counts(path)}
    elif dry_run:
        report.note("dry run: nothing was published")
    if as_json:
        show.json(report.as_dict())
    else:
        for line in report.lines():
            show.console.print(line, soft_wrap=True, highlight=False, markup=False)
        if "published" in report.result:
            _say_live(show, Path(report.result["published"]), report.result)
    if not imported.tables:
        if not as_json:
            typer.echo("nothing could be taken: no catalogue was published", err=True)
        raise typer.Exit(NOTHING_TAKEN)


def _import_generated(
    show: Show,
    source: str,
    files: list[Path] | None,
    count: int,
    seed: int,
    out: Path,
    keep: int,
    dry_run: bool,
) -> None:
    if source != "generated":
        raise UserError(f"--from {source!r} is not known", "generated; files are given by name")
    if files:
        raise UserError("--from generated takes no files", "import them apart")
    from giftrec.catalog.live import Catalogue
    from giftrec.catalog.sources.generated import generated

    show.say(f"making {count:,} gifts")
    tables, facts = generated(count, seed)
    rows = {"read": count, "taken": count, "rejected": 0}
    if dry_run:
        show.facts(f"{count:,} gifts made; dry run: nothing was published", {"rows": rows})
        return
    path = Catalogue(out).publish(tables, facts, keep, show.say)
    result = _counts(path)
    if show.as_json:
        show.json({"rows": rows, "published": str(path), **result})
    else:
        _say_live(show, path, result)


def _counts(path: Path) -> dict[str, Any]:
    from giftrec.catalog.snapshot import Snapshot

    with Snapshot.open(path) as snapshot:
        facts = snapshot.facts
    return {name: facts[name] for name in ("counts", "currency", "as_of", "fingerprint")}


def _say_live(show: Show, path: Path, result: dict[str, Any]) -> None:
    counts = ", ".join(f"{rows:,} {table}" for table, rows in result["counts"].items() if rows)
    show.console.print(
        f"live: {path} ({counts}; {result['currency']}, as of {result['as_of']})\n"
        f"next: giftrec catalog describe --catalogue {path.parent}",
        soft_wrap=True,
        highlight=False,
    )


@catalog.command()
def embed(catalogue: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Make the sentence embeddings of the live catalogue's gifts, so that free words are matched
    by meaning. They are kept beside it; small catalogues get them by themselves."""
    from giftrec.text.encoder import choose
    from giftrec.text.store import opened

    show = Show(as_json)
    chosen = choose("minilm")
    with _live(catalogue) as snapshot:
        show.say(f"encoding {len(snapshot):,} gifts")
        _, made = opened(snapshot.path, snapshot.gifts, snapshot.fingerprint, chosen)
        name, gifts = snapshot.path.name, len(snapshot)
    said = "made" if made else "were there"
    show.record(f"embeddings of {gifts:,} gifts {said}", {"catalogue": name, "made": made})


@catalog.command()
def describe(catalogue: Folder = FOLDER, as_json: AsJson = False) -> None:
    """What is live: counts, prices, categories, and for how many gifts what is known."""
    with _live(catalogue) as snapshot:
        found = snapshot.describe()
        name = snapshot.path.name
    if not as_json:
        found["price"] = {k: _money(v, found["currency"]) for k, v in found["price"].items()}
        found["sources"] = ", ".join(found["sources"])
    Show(as_json).facts(name, found)


@catalog.command()
def search(
    text: Annotated[str, typer.Argument(help="Words that a gift must all have; empty: any.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many gifts.")] = 10,
    category: Annotated[str | None, typer.Option(help="Only of this category.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="At most this price, in the catalogue's currency: 60EUR.")
    ] = None,
    age: Annotated[int | None, typer.Option(help="For somebody of this age.")] = None,
    hobby: Annotated[str | None, typer.Option(help="Only for this hobby.")] = None,
    occasion: Annotated[str | None, typer.Option(help="Only for this occasion.")] = None,
    stars: Annotated[float | None, typer.Option(help="At least so many stars, 1 to 5.")] = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what a shop has.")] = False,
    catalogue: Folder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Find gifts by words of their titles and descriptions, best fit first.

    Case, accents and plurals do not matter; the last word may be unfinished:
    `giftrec catalog search "wooden tra" --budget 30GBP --age 5`
    """
    from giftrec.catalog.search import Filters

    with _live(catalogue) as snapshot:
        wanted = _record(
            Filters,
            category=category,
            dearest=_within(budget, snapshot.currency),
            age=age,
            hobby=hobby,
            occasion=occasion,
            stars=stars,
            in_stock=in_stock,
        )
        hits = snapshot.search(text, limit, wanted)
        rows = [_shown(row, as_json) for row in _rows(hits.gifts)]
    if as_json:
        Show(True).json({"total": hits.total, "gifts": rows})
        return
    show = Show(False)
    if rows:
        show.records(f"{hits.total:,} gifts", rows)
    else:
        show.console.print("no gift has all these words; fewer words or filters find more")


@catalog.command("list")
def list_(catalogue: Folder = FOLDER, as_json: AsJson = False) -> None:
    """The snapshots that are kept, newest first, and which one is live."""
    from giftrec.catalog.live import Catalogue

    rows = [
        {
            "number": int(kept.name.split("-")[0]),
            "name": kept.name.removesuffix(".duckdb"),
            "live": kept.live if as_json else ("live" if kept.live else ""),
            "gifts": kept.facts["counts"]["gifts"],
            "as_of": kept.facts["as_of"],
            "written": kept.facts["written"],
            "MB": round(kept.bytes / 1e6, 1),
            "sources": kept.facts.get("sources", []),
        }
        for kept in Catalogue(catalogue).kept()
    ]
    for row in [] if as_json else rows:  # a terminal is narrow; the number names a snapshot too
        del row["name"]
    if not rows and not as_json:
        raise UserError(f"no catalogue in {catalogue}", "giftrec catalog import FILE makes one")
    Show(as_json).records(str(catalogue), rows)


@catalog.command()
def publish(
    name: Annotated[str, typer.Argument(help="A snapshot's number or name (see `list`).")],
    catalogue: Folder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Make a kept snapshot live: `giftrec catalog publish 3`.

    Whoever reads meanwhile gets the old one or the new one, whole.
    """
    _switch(catalogue, name, as_json)


@catalog.command()
def rollback(
    to: Annotated[str | None, typer.Option(help="This one (default: the one before).")] = None,
    catalogue: Folder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Go back to the snapshot before the live one."""
    _switch(catalogue, to, as_json)


def _switch(folder: Path, name: str | None, as_json: bool) -> None:
    from giftrec.catalog.live import Catalogue

    path = Catalogue(folder).rollback(name)
    result = _counts(path)
    show = Show(as_json)
    if as_json:
        show.json({"live": str(path), **result})
    else:
        _say_live(show, path, result)


def _live(folder: Path) -> "Snapshot":
    from giftrec.catalog.live import Catalogue

    return Catalogue(folder).current()


def _rows(gifts: "pl.DataFrame") -> list[dict[str, Any]]:
    return gifts.drop("number", "source", "description").to_dicts()


def _shown(gift: dict[str, Any], as_json: bool) -> dict[str, Any]:
    if as_json:
        return gift
    price = gift["price"]
    return {
        "id": gift["id"],
        "title": gift["title"],
        "category": gift["category"],
        "price": None if price is None else _money(price, gift["currency"]),
        "stars": None if gift["stars"] is None else f"{gift['stars']:.1f} ({gift['ratings']})",
        "fit": f"{gift['fit']:.2f}",
    }


def _money(minor: int, currency: str) -> str:
    from giftrec.money import Money

    return str(Money(minor=minor, currency=currency))


def _within(budget: str | None, currency: str) -> int | None:
    from giftrec.money import Money, in_currency

    if budget is None:
        return None
    return in_currency(Money.parse(budget, "--budget"), currency, None).minor


def _currency(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise UserError(f"--currency {text[:20]!r} is no ISO code", "e.g. EUR")
    return text.upper()


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"--as-of {text[:40]!r} is no day", "e.g. 2026-11-21") from None


def _rates(path: Path | None) -> Any:
    from giftrec.catalog.gifts import parse_record, read_json
    from giftrec.money import RateTable

    return None if path is None else parse_record(RateTable, read_json(path), str(path))


def _record(kind: Any, **values: Any) -> Any:
    from giftrec.catalog.gifts import parse_record

    return parse_record(kind, json.loads(json.dumps(values)), "search")
