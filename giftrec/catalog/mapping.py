"""Which column of a file plays which role: told, taken from a preset, or known by its name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reccore.errors import UserError

# role -> names that columns of that role have (folded: lower case, one underscore between words)
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "product_id", "sku", "asin", "item_id", "gift_id", "stock_code", "stockcode",
           "code", "article", "article_number", "ean", "gtin", "upc", "uniq_id", "handle"),
    "title": ("title", "product_name", "name", "product_title", "item_name", "product", "item"),
    "description": ("description", "product_description", "body", "details", "summary", "text",
                    "body_html", "long_description"),
    "category": ("category", "categories", "amazon_category_and_sub_category", "product_type",
                 "type", "department", "subcategory", "sub_category", "category_path", "shelf"),
    "price": ("price", "unit_price", "unitprice", "sale_price", "selling_price", "list_price",
              "current_price", "amount", "price_gbp", "price_eur", "price_usd", "cost"),
    "currency": ("currency", "currency_code", "price_currency"),
    "fees": ("fees", "shipping", "shipping_cost", "delivery_cost", "postage"),
    "stock": ("stock", "number_available_in_stock", "availability", "available", "in_stock",
              "inventory", "stock_level", "inventory_quantity", "qty_available", "on_hand"),
    "lead_days": ("lead_days", "lead_time", "delivery_days", "days_to_deliver", "dispatch_days"),
    "shop": ("shop", "store", "seller", "merchant", "retailer", "vendor_shop"),
    "stars": ("stars", "rating", "average_review_rating", "average_rating", "review_rating",
              "avg_rating", "mean_rating", "customer_rating"),
    "ratings": ("ratings", "number_of_reviews", "n_reviews", "review_count", "reviews_count",
                "num_reviews", "rating_count", "number_of_ratings"),
    "reviews": ("reviews", "customer_reviews", "review_text", "review_texts"),
    "ages": ("ages", "age", "age_range", "recommended_age", "manufacturer_recommended_age",
             "suitable_age", "age_group"),
    "brand": ("brand", "manufacturer", "maker", "vendor", "publisher"),
    "hobbies": ("hobbies", "interests"),
    "preferences": ("preferences",),
    "occasions": ("occasions", "occasion"),
    "intimacy": ("intimacy",),
    "quality": ("quality",),
    "trendiness": ("trendiness",),
    "date": ("date", "invoice_date", "invoicedate", "order_date", "sold_on", "timestamp"),
    "sold": ("sold", "quantity", "qty", "units", "units_sold"),
    "invoice": ("invoice", "invoice_no", "invoiceno", "order_id", "order", "order_number"),
    "customer": ("customer", "customer_id", "customerid", "client"),
}  # fmt: skip
BY_NAME = {alias: role for role, names in ALIASES.items() for alias in names}
SEVERAL = {"category", "description"}  # roles that join several columns
INVOICES = {"id", "price", "date", "sold"}  # roles that make a row a sale rather than a gift


@dataclass(frozen=True)
class Preset:
    """A known source: its columns' roles, and what its file does not say."""

    mapping: Mapping[str, tuple[str, ...]]
    currency: str | None = None
    shop: str | None = None
    category: str | None = None  # of gifts that no word places
    columns: tuple[str, ...] = ()  # of a file without a header
    about: str = ""


PRESETS: dict[str, Preset] = {
    "toys": Preset(
        mapping={
            "id": ("product_id",),
            "title": ("product_name",),
            "description": ("product_description",),
            "category": (
                "category", "subcategory_1", "subcategory_2", "subcategory_3", "subcategory_4",
            ),
            "brand": ("manufacturer",),
            "price": ("price",),
            "stock": ("number_available_in_stock",),
            "ratings": ("number_of_reviews",),
            "stars": ("average_review_rating",),
            "ages": ("product_information",),
            "reviews": ("customer_reviews",),
        },
        currency="GBP",
        shop="Toy list",
        category="games",
        about="863 described toys with reviews in one field, ages within the product information",
    ),
    "toys-sample": Preset(
        mapping={
            "id": ("id",),
            "title": ("title",),
            "category": ("category",),
            "brand": ("brand",),
            "price": ("price",),
            "stock": ("stock",),
            "ratings": ("number_of_reviews",),
            "stars": ("rating",),
        },
        currency="GBP",
        shop="Toy list",
        category="games",
        columns=(
            "id", "title", "category", "brand", "price", "stock", "number_of_reviews",
            "number_of_questions", "rating",
        ),
        about="ten thousand toys without a header line: titles, prices, stock as text, stars",
    ),
    "online-retail": Preset(
        mapping={
            "invoice": ("InvoiceNo",),
            "id": ("StockCode",),
            "title": ("Description",),
            "sold": ("Quantity",),
            "date": ("InvoiceDate",),
            "price": ("UnitPrice",),
            "customer": ("CustomerID",),
        },
        currency="GBP",
        shop="Gift-ware shop",
        category="home_decor",
        about="a gift-ware shop's invoice lines: gifts, price history and weekly demand",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mapped:
    """The roles of one file's columns, and how they were found."""

    roles: dict[str, tuple[str, ...]]
    ignored: tuple[str, ...]
    preset: str | None = None
    how: str = ""
    told: frozenset[str] = field(default_factory=frozenset)

    @property
    def sales(self) -> bool:
        """Whether the rows are lines of invoices."""
        return self.roles.keys() >= INVOICES


def parse_map(text: str) -> dict[str, tuple[str, ...]]:
    """`title=Name,category=Group+Subgroup`: roles and their columns."""
    told: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, _, columns = part.partition("=")
        role = role.strip()
        if role not in ALIASES or not columns.strip():
            raise UserError(f"--map {part!r} is not ROLE=COLUMN", "roles: " + ", ".join(ALIASES))
        named = tuple(column.strip() for column in columns.split("+"))
        if len(named) > 1 and role not in SEVERAL:
            raise UserError(
                f"--map {part!r}: {role} is one column", f"joined can be: {', '.join(SEVERAL)}"
            )
        told[role] = named
    return told


def find_roles(
    columns: Sequence[str], told: Mapping[str, tuple[str, ...]], preset: str | None
) -> Mapped:
    """Roles as told, then as in the preset (named, or recognised by all its columns), then by
    the columns' names. A column plays one role; a role that was told is not found elsewhere."""
    if preset is not None and preset not in PRESETS:
        raise UserError(f"no preset {preset!r}", f"presets: {', '.join(PRESETS)}")
    recognised = preset or next((n for n, p in PRESETS.items() if _fits(p, columns)), None)
    known = PRESETS[recognised].mapping if recognised else {}
    roles = {**known, **told}
    for role, named in roles.items():
        for column in named:
            if column not in columns:
                raise UserError(
                    f"there is no column {column!r} for the role {role}",
                    f"columns: {', '.join(columns)[:300]}",
                )
    if recognised:
        how = f"preset {recognised}" + ("" if preset else ", recognised by its columns")
    else:
        used = {column for named in roles.values() for column in named}
        by_name = _by_name([column for column in columns if column not in used])
        roles = {**{role: found for role, found in by_name.items() if role not in roles}, **roles}
        how = "columns known by their names" if not told else "columns as told and by their names"
    used = {column for named in roles.values() for column in named}
    return Mapped(
        roles=roles,
        ignored=tuple(column for column in columns if column not in used),
        preset=recognised,
        how=how,
        told=frozenset(told),
    )


def _fits(preset: Preset, columns: Sequence[str]) -> bool:
    needed = {column for named in preset.mapping.values() for column in named}
    return not preset.columns and needed <= set(columns)


def _by_name(columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The first column of each role by the order of its aliases; categories are joined."""
    names = {column: folded_name(column) for column in columns}
    found: dict[str, tuple[str, ...]] = {}
    for role, aliases in ALIASES.items():
        rank = {alias: place for place, alias in enumerate(aliases)}
        fitting = sorted((c for c in columns if names[c] in rank), key=lambda c: rank[names[c]])
        if role == "category":
            parts = [c for c in columns if re.fullmatch(r"sub_?category_?\d+", names[c])]
            fitting = fitting[:1] + parts
            found |= {role: tuple(fitting)} if fitting else {}
        elif fitting:
            found[role] = (fitting[0],)
    return found


def folded_name(column: str) -> str:
    """`Unit Price`, `unitPrice` and `unit-price` are unit_price."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")
