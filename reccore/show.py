"""What the command lines of both products print alike: facts and tables, or JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from reccore.track import Tracker
from reccore.track.live import Live


class Plain:
    """Prints what a command found, in the form that was asked for; progress goes to stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console()
        self.progress = Console(stderr=True)

    def json(self, content: Any) -> None:
        typer.echo(json.dumps(content, ensure_ascii=False, default=str))

    def records(self, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Many things' facts, a row each."""
        if self.as_json:
            return self.json(list(rows))
        table = Table(title=title, title_justify="left")
        for column in rows[0] if rows else ():
            table.add_column(column)
        for row in rows:
            cells = (", ".join(map(str, v)) if isinstance(v, list) else v for v in row.values())
            table.add_row(*("" if cell is None else str(cell) for cell in cells))
        self.console.print(table)

    def record(self, title: str, facts: Mapping[str, Any]) -> None:
        """One thing's facts, a line each."""
        if self.as_json:
            return self.json(dict(facts))
        self.console.print(title, style="bold", soft_wrap=True)
        for name, value in facts.items():
            self.console.print(f"  {name}: {value}", soft_wrap=True, highlight=False)

    def live(self) -> Tracker:
        return Live(self.progress)
