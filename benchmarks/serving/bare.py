"""What a validated POST costs with FastAPI itself: no key, no limit, no log, no model.

python -m benchmarks.serving.bare PORT BODY

Every answer is the content of BODY. The server that is measured beside it does all of this and the
rest, so the ratio of the two is what the rest costs.
"""

import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, Histogram
from pydantic import BaseModel, Field

from benchmarks.serving.hosts import RECOMMEND


class Asked(BaseModel):
    user: str = Field(min_length=1, max_length=128)
    count: int = Field(10, ge=1, le=100)


def application(body: bytes) -> FastAPI:
    app = FastAPI()
    took = Histogram("took_seconds", "Time of an answer.", registry=CollectorRegistry())

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ready": True}

    @app.post(RECOMMEND)
    async def recommend(asked: Asked) -> Response:
        began = time.perf_counter()
        answer = Response(body, media_type="application/json")
        took.observe(time.perf_counter() - began)
        return answer

    return app


def main() -> None:
    port, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    uvicorn.run(application(body), host="127.0.0.1", port=port, access_log=False, log_level="error")


if __name__ == "__main__":
    main()
