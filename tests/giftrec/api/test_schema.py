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
from served_gifts import TODAY

from giftrec.api.gifts import Gifts
from giftrec.api.settings import GiftSettings
from giftrec.app import application
from reccore.bundle.registry import Registry

EXAMPLES = 20  # of each operation, of valid requests and of broken ones


@pytest.fixture(scope="module")
def url(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a port of its own."""
    own = tmp_path_factory.mktemp("schema")
    how = {
        "catalogue": made / "catalogue",
        "kept.url": own / "kept.sqlite",
        "feedback.url": own / "feedback.sqlite",
        "pages": "false",
    }
    read = GiftSettings.read(None, [f"{name}={value}" for name, value in how.items()], {})
    gifts = Gifts(Registry("giftrec", made / "models"), read, today=lambda: TODAY)
    config = uvicorn.Config(application(gifts, "gifts"), port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
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
    assert {"/v1/recommendations", "/v1/recommendations/{id}/next", "/v1/feedback"} <= asked
