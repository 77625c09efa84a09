"""Five tools that ask a catalogue for facts, and the runner that asks them in parallel."""
