"""What the servers under load use meanwhile: processor time, memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reccore.errors import need

EVERY = 1.0  # seconds between two looks


@dataclass(frozen=True)
class Use:
    """Of one process. `ended`: it was not there any more at the last look."""

    pid: int
    cpu_seconds: float
    rss_before: int  # bytes
    rss_after: int
    rss_most: int
    ended: bool


class Watch:
    """Looks at processes now, each second, and at the end."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._psutil: Any = need("psutil", "dev")
        self._processes = [self._psutil.Process(pid) for pid in pids]
        self._cpu: list[list[float]] = [[] for _ in pids]
        self._rss: list[list[int]] = [[] for _ in pids]
        self._ended = [False for _ in pids]
        self.look()

    def look(self) -> None:
        for number, process in enumerate(self._processes):
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
            except self._psutil.Error:
                self._ended[number] = True
                continue
            self._cpu[number].append(times.user + times.system)
            self._rss[number].append(memory.rss)

    def found(self) -> list[Use]:
        self.look()
        return [
            Use(process.pid, cpu[-1] - cpu[0], rss[0], rss[-1], max(rss), ended)
            for process, cpu, rss, ended in zip(
                self._processes, self._cpu, self._rss, self._ended, strict=True
            )
        ]
