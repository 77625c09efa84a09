"""What is in a catalogue, in numbers: its owner sees at a glance what is known and what not."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from giftrec.catalog.snapshot import Snapshot

QUARTILES = {"lowest": 0.0, "25%": 0.25, "median": 0.5, "75%": 0.75, "highest": 1.0}


def overview(snapshot: "Snapshot") -> dict[str, Any]:
    """Counts, prices (minor units), categories, and for how many gifts each thing is known."""
    gifts, priced = snapshot.gifts, snapshot.price[snapshot.price > 0]
    categories = gifts["category"].fill_null("(unknown)").value_counts()
    return {
        "as_of": snapshot.as_of,
        "currency": snapshot.currency,
        "fingerprint": snapshot.fingerprint,
        "counts": snapshot.facts["counts"],
        "price": {
            name: int(np.quantile(priced, share, method="nearest"))
            for name, share in QUARTILES.items()
            if len(priced)
        },
        "categories": dict(categories.sort(["count", "category"], descending=[True, False]).rows()),
        "known": {
            "price": len(priced),
            "stock": int(np.isfinite(snapshot.stock).sum()),
            "stars": int(np.isfinite(snapshot.stars).sum()),
            "ages": int(gifts["age_low"].is_not_null().sum()),
            "category": int(gifts["category"].is_not_null().sum()),
            "hobbies": int((gifts["hobbies"].list.len() > 0).sum()),
            "preferences": int((gifts["preferences"].list.len() > 0).sum()),
        },
        "shops": snapshot.offers["shop"].n_unique(),
        "written": snapshot.facts["written"],
        "sources": snapshot.facts.get("sources", []),
    }
