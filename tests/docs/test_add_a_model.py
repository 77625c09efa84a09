"""The page "add a model" works as it is printed."""

import re
import sys
from pathlib import Path

import pytest

from cinesync import zoo
from cinesync.runs import Prepared
from cinesync.settings import resolve
from cinesync.sources.blocks import blocks
from cinesync.training import train
from reccore.data.split import split

PAGE = Path(__file__).parents[2] / "docs" / "add-a-model.md"


def test_the_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, entry = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    code = [
        line for line in model.splitlines() if line and not line.startswith(('"', "from", "imp"))
    ]
    assert len(code) <= 60
    (tmp_path / "mean_item.py").write_text(model)
    (tmp_path / "mean_item_entry.py").write_text(entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(zoo, "ZOO", dict(zoo.ZOO))
    __import__("mean_item_entry")
    data = blocks()
    settings = resolve("mean-item", changes={"train": {"batch_size": 16, "patience": 40}})
    prepared = Prepared(data, split(data.interactions, settings.split))
    run, evaluation = train(settings, out=tmp_path / "run", prepared=prepared)
    assert evaluation.values()["recall_capped@10"] > 0.95
    assert run.recommend(history=data.items.ids.ids.to_list()[:2]).height == 10
    for name in ("mean_item", "mean_item_entry"):
        del sys.modules[name]
