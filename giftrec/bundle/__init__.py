"""One folder that answers for a gift's recipient: no scenarios, no trainer, no torch."""
