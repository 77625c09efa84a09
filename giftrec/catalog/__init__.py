"""Gifts, their offers, reviews and demand: the dated snapshot, and what asking today finds."""
