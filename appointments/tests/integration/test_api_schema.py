"""The schema is complete, and the documentation lists what the code can answer."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from core.api_docs import schema
from core.errors import DomainError

DOCS = Path(settings.BASE_DIR) / "docs" / "reference"
METHODS = {"get", "post", "patch", "put", "delete"}


def operations():
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield f"{method} {path}", operation


def test_schema_is_valid_and_without_warnings():
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_every_operation_is_complete():
    for name, operation in operations():
        assert operation.get("summary"), name
        answers = operation["responses"]
        assert {"400", "401", "405", "429"} <= set(answers), name
        success = [code for code in answers if code.startswith("2")]
        assert len(set(success) - {"204"}) == 1 or success == ["204"], name
        for code, answer in answers.items():
            if code == "204":
                continue
            content = answer["content"]["application/json"]
            assert content["schema"], (name, code)
            assert content["examples"], (name, code)
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert content["schema"], name


def test_bodies_have_examples():
    for name, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content and content["schema"].get("$ref"):
            assert content.get("examples"), name


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/vnd.oai.openapi"])
def test_schema_is_served_to_everyone(client, accept):
    answer = client.get("/api/schema/", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200
    assert b"openapi" in answer.content[:40]


def test_docs_page_has_nothing_inline(client):
    page = client.get("/api/docs/").content.decode()
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son[a-z]+=", page)


def _subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def test_every_code_is_documented():
    documented = set(re.findall(r"`([a-z_]+)`", (DOCS / "errors.md").read_text()))
    declared = {kind.code for kind in (DomainError, *_subclasses(DomainError))}
    written = set()
    for app in ("core", "accounts", "patients", "appointments"):
        for file in Path(apps.get_app_config(app).path).rglob("*.py"):
            if "tests" not in file.parts and "migrations" not in file.parts:
                written |= set(re.findall(r'\bcode="([a-z_]+)"', file.read_text()))
    assert (declared | written) - documented == set()


def test_every_collection_is_documented():
    page = (DOCS / "rest.md").read_text()
    for path in schema()["paths"]:
        name = path.split("{")[0].rstrip("/").split("/")[-1]
        assert name in page, path
