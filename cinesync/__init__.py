"""CineSync: movie and TV recommenders, from honest baselines to deep models."""
