"""Calling the REST API in tests."""

import json
from typing import Any

from django.test import Client

from accounts.permissions import Role
from appointments.tests.clinics import Clinic


class Api:
    """A REST client with a token; paths are relative to /api/."""

    def __init__(self, token: str = "", **headers: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Token {token}"} if token else {}
        self.headers |= headers

    def get(self, path: str, params: dict[str, Any] | None = None, **headers: str):
        return self.client.get(f"/api/{path}", params, headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str):
        return self.send("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str):
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str):
        return self.client.delete(f"/api/{path}", headers={**self.headers, **headers})

    def send(self, method: str, path: str, body: Any, **headers: str):
        """``body`` as JSON; bytes are sent as they are."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method,
            f"/api/{path}",
            raw,
            content_type="application/json",
            headers={**self.headers, **headers},
        )


def api_of(clinic: Clinic, role: Role = Role.FRONT_DESK) -> Api:
    return Api(clinic.token(role))


def problem(response: Any) -> tuple[int, str, str | None]:
    """Status, code and attr of the first error."""
    error = response.json()["errors"][0]
    return response.status_code, error["code"], error["attr"]
