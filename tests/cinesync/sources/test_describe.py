"""Describe: plain figures that are ready for JSON."""

import json
from pathlib import Path

from cinesync.sources import describe, load
from cinesync.sources.blocks import blocks


def test_figures() -> None:
    facts = describe(blocks(users=6, items=4, blocks=2))
    assert (facts["rows"], facts["users"], facts["items"], facts["density"]) == (12, 6, 4, 0.5)
    assert facts["rows_per_user"]["median"] == 2
    assert facts["rows_per_item"]["max"] == 3
    assert facts["values"] == {"5": 12}
    assert facts["time"] == {
        "first": "1970-01-01T00:00:00+00:00",
        "last": "1970-01-01T00:00:11+00:00",
    }
    assert json.loads(json.dumps(facts)) == facts


def test_many_values_are_binned(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{n},1,{n / 3}\n" for n in range(100))
    path.write_text("user,item,value\n" + rows)
    facts = describe(load(None, path).dataset)
    assert len(facts["values"]) == 10
    assert sum(facts["values"].values()) == 100
    assert facts["time"] is None
