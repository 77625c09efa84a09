"""Trackers are told everything, and the library's default says nothing."""

import pytest

from reccore.track import Silent, Together, Tracker


class Recorder:
    def __init__(self, broken: bool = False) -> None:
        self.heard: list[object] = []
        self.broken = broken

    def start(self, info):
        self.heard.append(("start", dict(info)))

    def progress(self, epoch, step, steps, loss):
        self.heard.append((epoch, step, steps, loss))

    def log(self, record):
        self.heard.append(("log", dict(record)))

    def finish(self, status):
        self.heard.append(("finish", status))
        if self.broken:
            raise OSError("closed")


def follow(tracker: Tracker) -> None:
    tracker.start({"epochs": 1})
    tracker.progress(1, 1, 2, 0.5)
    tracker.log({"epoch": 1, "loss": 0.5})
    tracker.finish("finished")


def test_silent_says_nothing(capfd):
    follow(Silent())
    assert capfd.readouterr() == ("", "")


def test_together_tells_each_in_order():
    one, two = Recorder(), Recorder()
    follow(Together([one, two]))
    assert one.heard == two.heard
    assert [h[0] for h in one.heard] == ["start", 1, "log", "finish"]


def test_every_tracker_is_finished_even_if_one_breaks():
    one, two = Recorder(broken=True), Recorder()
    with pytest.raises(OSError, match="closed"):
        Together([one, two]).finish("failed")
    assert two.heard == [("finish", "failed")]
