"""What people did with the answers: events that are stored once, or said to be waiting.

`open_store` gives a store in a SQLite file (one machine) or in Postgres (many replicas). Both keep
the same promise: an event whose `add` returned survives the death of the process, sending it again
changes nothing, and a person who is forgotten stays forgotten.
"""

from reccore.serve.feedback.event import Added, Event, Forgotten, Recent, Store
from reccore.serve.feedback.opening import open_store
from reccore.serve.feedback.settings import FeedbackSettings

__all__ = ["Added", "Event", "FeedbackSettings", "Forgotten", "Recent", "Store", "open_store"]
