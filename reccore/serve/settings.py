"""What a server can be told, in `serve.toml`, by SERVE_... variables, or with --set."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator

from reccore.config import Settings, Tree, merge, parse_assignments, read_toml, validate
from reccore.serve.cache.settings import CacheSettings
from reccore.serve.feedback import FeedbackSettings
from reccore.serve.limits import LimitSettings
from reccore.serve.work import WorkSettings

PREFIX = "SERVE_"
SECRET = 32  # bytes at least


class ServeSettings(Settings):
    """One replica."""

    host: str = Field("127.0.0.1", description="other than loopback needs keys, or open = true")
    port: int = Field(8000, ge=0, le=65535, description="0: any free one")
    open: bool = Field(False, description="anybody may ask, even from other machines")
    keys: Path | None = Field(None, description="the file of API keys; none: no key is asked for")
    public_metrics: bool = Field(True, description="/metrics needs no key")
    pages: bool = Field(True, description="serve the web pages, too")
    operator_secret: str = Field(
        "",
        repr=False,
        description="32 letters or more, so that replicas know each other's sign-ins",
    )
    body_kb: int = Field(256, ge=1, description="longest body")
    threads: int = Field(1, ge=1, description="of ONNX Runtime, for one answer")
    watch_s: float = Field(1.0, gt=0, description="how often the registry is looked at")
    vectors_mb: int = Field(32, ge=0, description="user vectors that are remembered; 0: none")
    ahead: int = Field(1000, ge=0, description="most active users answered before they ask")
    drain_s: float = Field(
        0.0, ge=0, description="how long SIGTERM is announced by /health/ready before it counts"
    )
    work: WorkSettings = WorkSettings()
    cache: CacheSettings = CacheSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    limits: LimitSettings = LimitSettings()

    @field_validator("operator_secret")
    @classmethod
    def _long(cls, secret: str) -> str:
        if secret and len(secret.encode()) < SECRET:
            raise ValueError(f"{SECRET} letters or more, or none")
        return secret

    @classmethod
    def read(
        cls,
        file: Path | None,
        assignments: Sequence[str] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """The file, then variables (SERVE_CACHE__REDIS_URL is cache.redis_url), then `--set`."""
        tree: Tree = {} if file is None else read_toml(file)
        given = [
            f"{name.removeprefix(PREFIX).lower().replace('__', '.')}={value}"
            for name, value in sorted(environment.items())
            if name.startswith(PREFIX)
        ]
        tree = merge(tree, parse_assignments(given), parse_assignments(list(assignments)))
        return validate(cls, tree, "serve.toml" if file is None else str(file))
