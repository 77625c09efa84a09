"""What the server says no with: a status, a code for programs, words for people."""

from typing import Any


class Refusal(Exception):  # noqa: N818  # an answer, not an accident
    """Becomes the answer's body; `field` is where in the request the fault lies."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.field, self.remedy, self.retry_after = field, remedy, retry_after

    def to_json(self) -> dict[str, Any]:
        facts = {"field": self.field, "remedy": self.remedy}
        said = {name: value for name, value in facts.items() if value is not None}
        return {"error": {"code": self.code, "message": self.message, **said}}

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
