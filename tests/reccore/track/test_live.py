"""The terminal: a table where there is one, plain lines elsewhere, nothing on standard output."""

import io

import pytest
from rich.console import Console

from reccore.track import Live
from reccore.track.live import duration

FLAG = {"name": "plateau", "colour": "red", "message": "ndcg@10 [bold] stands still"}


def train(live: Live, epochs: int = 3) -> None:
    live.start({"title": "mf on [ml]", "epochs": 10, "monitor": "val/ndcg@10"})
    for epoch in range(1, epochs + 1):
        live.progress(epoch, 1, 2, 0.7)
        live.progress(epoch, 2, 2, None)
        live.log(
            {
                "epoch": epoch,
                "loss": 0.7 / epoch,
                "val/ndcg@10": 0.1 * epoch,
                "lr/main": 1e-3,
                "grad_norm": 0.91,
                "seconds": 60.0,
                "best": epoch == 2,
                "flags": [FLAG] if epoch == 3 else [],
            }
        )
    live.finish("stopped early")


def test_plain_lines_go_to_standard_error_only(capfd):
    train(Live())
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 5  # three epochs, a flag, the end
    assert lines[0].startswith("epoch 1/10  loss 0.7  ndcg@10 0.1  lr 1.0e-03  grad norm 0.91")
    assert "ETA 9:00" in lines[0]
    assert [line.endswith("best") for line in lines[:3]] == [False, True, False]
    assert lines[3] == "red flag at epoch 3: ndcg@10 [bold] stands still"
    assert lines[4].startswith("stopped early after 0:0")
    assert "best: epoch 2, ndcg@10 0.2" in lines[4]
    assert "\x1b" not in err


def test_a_terminal_gets_a_table_with_the_last_epochs():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, height=40, color_system=None)
    train(Live(console, rows=2))
    last = screen.getvalue().rsplit("mf on [ml]", 1)[1]
    for word in ("epoch", "ndcg@10", "grad norm", "flags", "plateau", "3/10", "2/10"):
        assert word in last
    assert "1/10" not in last  # scrolled out
    assert "stopped early" in last
    assert "red flag at epoch 3" in screen.getvalue()


@pytest.mark.parametrize("record", [{}, {"epoch": 1}, {"epoch": 1, "val/ndcg@10": None}])
def test_absent_figures_are_dashes(capfd, record):
    live = Live()
    live.start({})
    live.log(record)
    live.finish("failed")
    assert "loss -" in capfd.readouterr().err


def test_eta_within_the_first_epoch_comes_from_its_steps():
    live = Live(Console(file=io.StringIO()))
    live.start({"epochs": 2})
    assert live._eta() == "-"
    live.progress(1, 1, 4, 0.5)
    live._epoch_began -= 10
    assert live._eta() == "1:10"  # 10 s were a quarter of one of two epochs


def test_durations():
    assert [duration(s) for s in (0, 9.6, 61, 3723)] == ["0:00", "0:10", "1:01", "1:02:03"]
