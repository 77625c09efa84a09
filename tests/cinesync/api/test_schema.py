"""Whatever fits the OpenAPI document, or nearly, is answered or refused: never a 5xx."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from cinesync.app import application
from reccore.bundle.registry import Registry
from reccore.serve.settings import ServeSettings

EXAMPLES = 20  # of each operation, of valid requests and of broken ones


@pytest.fixture
def url(models: Path, tmp_path: Path) -> Iterator[str]:
    """A server on a port of its own."""
    how = ServeSettings.read(None, [f"feedback.url={tmp_path}/feedback.sqlite", "ahead=0"], {})
    edge = application(Registry("cinesync", models), "films", how)
    server = uvicorn.Server(uvicorn.Config(edge, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_is_a_5xx(url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked = set[str]()
    for result in schema.get_all_operations():
        operation = result.ok()
        asked.add(operation.path)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            answer = case.call(base_url=url)
            assert answer.status_code < 500, (case.method, case.formatted_path, case.body)
            assert "Traceback" not in answer.text

        takes = operation.body or operation.query or operation.path_parameters
        if takes or mode == GenerationMode.POSITIVE:  # else there is nothing to break
            check()
    assert {"/v1/recommendations", "/v1/users/{user}", "/v1/admin/activate"} <= asked
