"""Where the time of a few steps goes: `profile.txt` for reading, `profile.json` for a viewer."""

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from reccore.files import write_atomic

SKIP = 3  # steps that warm up caches and allocators
ROWS = 40


class Profiler:
    """Profiles `steps` steps, after the first few, and writes what it saw; 0 is off."""

    def __init__(self, steps: int, folder: Path, device: torch.device) -> None:
        self._left = steps
        self._skip = SKIP
        self._folder = folder
        activities = [ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self._activities = activities
        self._running: profile | None = None
        self._sort = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"

    def step(self) -> None:
        """A step is done."""
        if self._running is not None:
            self._left -= 1
            if self._left == 0:
                self.close()
        elif self._left:
            self._skip -= 1
            if self._skip <= 0:
                self._running = profile(activities=self._activities)
                self._running.start()

    def close(self) -> None:
        """Write what there is, if anything was profiled."""
        running, self._running, self._left = self._running, None, 0
        if running is None:
            return
        running.stop()
        table = running.key_averages().table(sort_by=self._sort, row_limit=ROWS)
        write_atomic(self._folder / "profile.txt", table)
        running.export_chrome_trace(str(self._folder / "profile.json"))
