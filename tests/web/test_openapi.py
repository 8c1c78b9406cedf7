"""The OpenAPI document describes what is there; requests made from it never meet a fault of the server."""

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from starlette.testclient import TestClient

from earmark.runtime.tagger import Tagger
from earmark.web.app import create_app
from earmark.web.settings import Settings
from tests.web.conftest import HOME

schemathesis = pytest.importorskip("schemathesis", reason="makes requests out of the document")

EXAMPLES = 6  # of each operation; `benchmarks/speed/serve.py --schema` makes more
ENDLESS = "/v1/events/stream"


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_it_names_every_route_of_the_public_api(document: dict[str, Any]) -> None:
    assert {path for path in document["paths"] if not path.startswith("/api/")} == {
        *("/v1/audio/events", "/v1/audio/tags", "/v1/audio/classification", "/v1/models", "/v1/events/stream"),
        *("/health", "/metrics"),
    }
    assert document["openapi"].startswith("3.1")


def test_it_says_that_a_token_is_needed_where_one_is(
    serving: Callable[..., TestClient], document: dict[str, Any]
) -> None:
    assert "security" not in document
    headers = {"authorization": "Bearer open-sesame-42"}
    found = serving(token="open-sesame-42").get("/openapi.json", headers=headers).json()
    assert found["security"] == [{"token": []}]
    assert found["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


@pytest.mark.parametrize("path", ["/v1/audio/events", "/v1/audio/tags", "/v1/audio/classification"])
def test_it_says_how_a_recording_is_sent_and_what_comes_back(document: dict[str, Any], path: str) -> None:
    operation = document["paths"][path]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/octet-stream",
        "application/json",
    }
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema
    for status in ("400", "401", "413", "415", "422", "503"):
        reference = operation["responses"][status]["content"]["application/json"]["schema"]["$ref"]
        assert reference == "#/components/schemas/Problem"


def test_every_operation_and_parameter_is_described(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        if path.startswith("/api/"):
            continue
        for operation in operations.values():
            assert operation["description"]
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (path, parameter["name"])


@pytest.fixture(scope="module")
def app(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("root")
    made = create_app(Settings({"earmark/everyday": tagger}, root=root, output=tmp_path_factory.mktemp("page")))
    with TestClient(made, base_url=HOME):
        yield made


def requests_meet_no_fault(app: Any, examples: int) -> int:
    """Make requests, right and wrong, for each operation of the document; how many operations there are.

    The checks also hold statuses, types and shapes of the answers against the document.
    """
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    headers = {"host": "127.0.0.1"}
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers).exclude(path=ENDLESS)
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        for mode in schemathesis.GenerationMode:

            @settings(
                max_examples=examples,
                deadline=None,
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                case.call_and_validate(checks=checks, headers=headers)

            try:
                ask()
            except (Unsatisfiable, SkipTest):  # nothing can be wrong with a request that takes nothing
                assert mode is schemathesis.GenerationMode.NEGATIVE
    return len(operations)


def test_no_request_meets_a_fault(app: Any, document: dict[str, Any]) -> None:
    operations = sum(len(methods) for methods in document["paths"].values())
    assert requests_meet_no_fault(app, EXAMPLES) == operations - 1
