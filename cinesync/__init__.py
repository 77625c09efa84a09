"""CineSync: movie and TV recommenders, from honest baselines to deep models."""

from cinesync.runs import Run, load_run

__all__ = ["Run", "load_run"]
