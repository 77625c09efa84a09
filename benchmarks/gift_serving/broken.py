"""`giftrec serve` with two tools that break while a file is there: one hangs 30 s, one raises.

python -m benchmarks.gift_serving.broken FILE NAME --root DIR --port N --config FILE
"""

import sys
import time
from dataclasses import replace
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import typer

from giftrec.api import gifts as served
from giftrec.cli_serve import serve
from giftrec.tools.registry import Tool, default_tools

HANGS, RAISES = "inventory_check", "review_analysis"
FOR = 30.0  # seconds


def broken(file: Path) -> tuple[Tool, ...]:
    """All tools; those two look for the file first."""

    def answer(tool: Tool, request: Any, provider: Any) -> Any:
        if tool.name in (HANGS, RAISES) and file.exists():
            if tool.name == RAISES:
                raise ValueError("broken for the measurement")
            time.sleep(FOR)
        return tool.answer(request, provider)

    return tuple(replace(tool, answer=partial(answer, tool)) for tool in default_tools())


def main() -> None:
    file, *words = sys.argv[1:]
    begin = served.Gifts.__init__
    served.Gifts.__init__ = partialmethod(begin, tools=broken(Path(file)))  # type: ignore[assignment]
    app = typer.Typer()
    app.command()(serve)
    app(words)


if __name__ == "__main__":
    main()
