"""A training on the terminal: a table that grows, or one plain line an epoch elsewhere."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from reccore.track.tracker import Record

COLOURS = {"red": "bold red", "amber": "yellow", "green": "green"}


class Live:
    """Shows epochs on standard error, which keeps standard output free for results."""

    _at: tuple[int, int, int, float | None]  # epoch, step, steps, loss

    def __init__(self, console: Console | None = None, rows: int = 12) -> None:
        self.console = console or Console(stderr=True)
        self.rows = rows  # how many of the last epochs the table shows
        self._screen: Screen | None = None
        self._begin({})

    def start(self, info: Mapping[str, Any]) -> None:
        self._begin(info)
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._screen = Screen(
                get_renderable=self._render,
                console=self.console,
                refresh_per_second=4,
                redirect_stdout=False,
            )
            self._screen.start()

    def progress(self, epoch: int, step: int, steps: int, loss: float | None) -> None:
        if epoch != self._at[0]:
            self._epoch_began = time.monotonic()
        self._at = (epoch, step, steps, loss)

    def log(self, record: Record) -> None:
        self._records.append(record)
        self._epoch_began = time.monotonic()
        self._at = (int(record.get("epoch", 0)), 1, 1, None)
        if self._screen is None:
            self._print(Text(self._line(record)))
        for flag in record.get("flags", ()):
            text = f"{flag['colour']} flag at epoch {record.get('epoch')}: {flag['message']}"
            self._print(Text(text, style=COLOURS.get(flag["colour"], "")))

    def finish(self, status: str) -> None:
        self._status = status
        if self._screen is not None:
            self._screen.stop()  # leaves the last table on the screen
            self._screen = None
        else:
            self._print(Text(self._caption()))

    def _begin(self, info: Mapping[str, Any]) -> None:
        self._title = str(info.get("title", "training"))
        self._epochs = info.get("epochs")
        self._monitor = str(info.get("monitor", "")).removeprefix("val/")
        self._records: list[Record] = []
        self._at = (0, 0, 1, None)
        self._status = ""
        self._began = self._epoch_began = time.monotonic()

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True, highlight=False)

    def _cells(self, record: Record) -> dict[str, str]:
        """One epoch as text, by column."""
        lr = next((value for key, value in record.items() if key.startswith("lr/")), None)
        of = f"/{self._epochs}" if self._epochs else ""
        cells = {"epoch": f"{record.get('epoch', '-')}{of}", "loss": number(record.get("loss"))}
        if self._monitor:
            cells[self._monitor] = number(record.get(f"val/{self._monitor}"))
        return cells | {
            "best": "*" if record.get("best") else "",
            "lr": "-" if lr is None else f"{lr:.1e}",
            "grad norm": number(record.get("grad_norm"), 3),
            "time": "-" if (took := record.get("seconds")) is None else f"{took:.1f}s",
        }

    def _line(self, record: Record) -> str:
        cells = self._cells(record)
        parts = [f"{name} {cell}" for name, cell in cells.items() if name != "best"]
        return "  ".join([*parts, f"ETA {self._eta()}", *(["best"] if cells["best"] else [])])

    def _render(self) -> RenderableType:
        """Called by the screen's own thread: reads, never writes."""
        records, best = self._records[-self.rows :], self._best()
        title = Text(self._title, style="bold")
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in self._cells({}):
            header = Text("" if name == "best" else name)
            table.add_column(header, justify="right", no_wrap=True)
        table.add_column("flags")
        for record in records:
            cells = self._cells(record).values()
            style = "bold" if record is best else ""
            table.add_row(*cells, _names(record.get("flags", ())), style=style)
        return Group(table, Text(self._caption(), style="dim"))

    def _best(self) -> Record | None:
        return next((r for r in reversed(self._records) if r.get("best")), None)

    def _caption(self) -> str:
        best = self._best()
        parts = []
        if self._status:
            parts.append(f"{self._status} after {duration(time.monotonic() - self._began)}")
        else:
            epoch, step, steps, loss = self._at
            parts.append(f"epoch {epoch}, step {step}/{steps}, loss {number(loss)}")
            parts.append(f"ETA {self._eta()}")
        if best is not None:
            value = number(best.get(f"val/{self._monitor}"))
            parts.append(f"best: epoch {best.get('epoch')}, {self._monitor} {value}")
        return "  |  ".join(parts)

    def _eta(self) -> str:
        """Time left if no epoch is saved by early stopping."""
        epoch, step, steps, _ = self._at
        last = [r for r in self._records[-5:] if r.get("seconds") is not None]
        recent = [r["seconds"] + r.get("evaluate_seconds", 0.0) for r in last]
        done = step / max(steps, 1)
        if recent:
            an_epoch = sum(recent) / len(recent)
        elif done > 0:
            an_epoch = (time.monotonic() - self._epoch_began) / done
        else:
            return "-"
        if not self._epochs:
            return "-"
        return duration(max(0.0, (int(self._epochs) - epoch + 1 - done) * an_epoch))


def number(value: Any, digits: int = 4) -> str:
    return "-" if value is None else f"{float(value):.{digits}g}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _names(flags: Iterable[Mapping[str, str]]) -> Text:
    shown = [Text(flag["name"], style=COLOURS.get(flag["colour"], "")) for flag in flags]
    return Text(", ").join(shown)
