"""Web pages: what the pages of both products share, and the operator's page."""

from reccore.serve.pages.pages import Pages

__all__ = ["Pages"]
