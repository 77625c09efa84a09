"""What a benchmark's run stands on: the data of a table or claim, as settings.

`data` names a source with a folder of its own under the data root; `file` with `map` a single file
there; `made` a file that is made from others first, into `checkpoints/benchmarks/`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.record import data_root

RUNS = Path(__file__).parent.parent / "checkpoints" / "benchmarks"  # unfinished runs, made data


def ground(table: dict[str, Any]) -> dict[str, Any]:
    if "data" in table:
        data: dict[str, Any] = {"name": table["data"], "path": str(data_root() / table["data"])}
    else:
        path = MADE[table["made"]]() if "made" in table else data_root() / table["file"]
        data = {"name": table.get("source", "file"), "path": str(path), "map": table.get("map", {})}
    return {"data": {**data, "options": table.get("options", {})}}


def words(table: dict[str, Any]) -> list[str]:
    """The same for a command line."""
    if "data" in table:
        return [f"--data {table['data']} --from PATH"]
    columns = ",".join(f"{role}={name}" for role, name in table.get("map", {}).items())
    source = f"--data {table['source']} " if "source" in table else ""
    file = table.get("file", f"{table.get('made')}.parquet")
    return [f"{source}--from PATH/{file}" + (f" --map {columns}" if columns else "")]


def bert_timed() -> Path:
    """ "bert" ML-1M in its published order, with times as far as they are known.

    A time is known exactly or as an interval; the earliest moment that does not come before the
    user's previous one is taken, so that times never contradict the published order.
    """
    made = RUNS / "bert-timed.parquet"
    if made.exists():
        return made
    folder = data_root() / "ml-1m"
    events = pl.read_parquet(folder / "sequences-5core.parquet").sort("user_id", "position")
    known = pl.read_parquet(folder / "interactions.parquet")
    known = known.select("user_id", "movie_id", "ts_lo")
    rows = events.join(known, ["user_id", "movie_id"], how="left", maintain_order="left")
    assert rows["ts_lo"].null_count() == 0
    rows = rows.with_columns(pl.col("ts_lo").cum_max().over("user_id").alias("time"))
    moved = float(np.mean((rows["time"] != rows["ts_lo"]).to_numpy()))
    print(f"bert-timed: {moved:.2%} of the times were moved to keep the published order")
    made.parent.mkdir(parents=True, exist_ok=True)
    rows.select("user_id", "movie_id", "position", "time").write_parquet(made)
    return made


MADE = {"bert-timed": bert_timed}
