"""The gift agent: from a wish to a slate of named gifts, with evidence and a trace.

    storefront   a snapshot of gifts as the model, the words and the tools see it
    candidates   which of many gifts are worth the model's time
    facts        what the tools found, as the model reads it
    gate         the last live check of price, stock and delivery before anything is shown
    slots        what each gift of the slate is there for
    evidence     why, by what would change if a signal were not there
    whatif       what a little more money or time would change
    agent        the whole, in stages that a server can schedule

The agent never sees the simulator that judges it.
"""
