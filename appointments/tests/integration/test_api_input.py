"""Bad input: the right 4xx with the field's name, on every route that writes."""

import json
from datetime import time

import pytest

from accounts.permissions import Role
from appointments.api import booking_views, catalogue_views
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentRequest, AvailabilityRule, SlotAvailability
from appointments.tests.api import api_of, problem
from core.api_fields import Choice, ClockTime, Day, Flag, Instant, Key, Number, Text, Whole
from patients.api.views import PatientViewSet

VIEWS = {
    "patients/": PatientViewSet,
    "appointments/appointments/": booking_views.AppointmentViewSet,
    "appointments/holds/": booking_views.HoldViewSet,
    "appointments/appointment-types/": catalogue_views.AppointmentTypeViewSet,
    "appointments/availability/": catalogue_views.AvailabilityViewSet,
    "appointments/availability-rules/": catalogue_views.AvailabilityRuleViewSet,
}
ROUTES = [
    (path, action, serializer)
    for path, view in VIEWS.items()
    for action, serializer in view.body_serializers.items()
]
HUGE_NUMBER = 10**400
SURROGATE = "a\ud800b"
WRONG = {
    Text: [5, 1.5, True, [], {}, ["x"], "a\0b", "a\x1bb", "\x7f", SURROGATE],
    Key: ["1", 1.0, 1.5, True, 0, -1, 2**63, 2**70, HUGE_NUMBER, -HUGE_NUMBER, [], {}],
    Whole: ["1", 1.5, True, -1, 2**40, 2**70, HUGE_NUMBER, -HUGE_NUMBER, [], {}],
    Number: ["1", True, 1000, -1000, HUGE_NUMBER, []],
    Flag: ["true", 1, 0, "", [], {}],
    Choice: ["what", SURROGATE, 1, True, [], {}, ""],
    Day: ["2030-02-30", "01/02/2030", "2030", 5, True, "", [], "９９９９-01-01"],
    ClockTime: ["24:00", "8:00", 800, True, "", [], "08:00:00.5", "08:00+01:00"],
    Instant: ["2030-13-01T00:00Z", "noon", 5, 1.5, True, "", [], "2030-01-01T10:00:00+99:00"],
}
NOT_JSON = [
    b"",
    b"{",
    b"{'a': 1}",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": "\xff"}',
    b'{"a": ' * 50_000,
    b"[" * 50_000,
    b"[]",
    b"1",
    b"null",
    b'"x"',
]


@pytest.fixture
def api(riverside):
    return api_of(riverside, Role.MANAGER)


@pytest.fixture
def url(riverside):
    """The address of a collection's action, on a record that exists."""

    def build(path, action):
        if action == "create":
            return path
        with riverside.active():
            key = {
                "patients/": lambda: riverside.patients[0].pk,
                "appointments/appointments/": lambda: _booked(riverside),
                "appointments/appointment-types/": lambda: riverside.types[0].pk,
                "appointments/availability/": lambda: SlotAvailability.objects.earliest("pk").pk,
                "appointments/availability-rules/": lambda: (
                    AvailabilityRule.objects.earliest("pk").pk
                ),
            }[path]()
        return f"{path}{key}/" if action == "partial_update" else f"{path}{key}/{action}/"

    return build


def _booked(clinic):
    found = AppointmentRequest.objects.first() or BookingEngine(by=None).book(
        patient_id=clinic.patients[0].pk,
        provider_id=clinic.providers[0].pk,
        appointment_type_id=clinic.types[0].pk,
        start=clinic.at(1, time(10)),
    )
    return found.pk


def send(api, action, path, body):
    return api.send("PATCH" if action == "partial_update" else "POST", path, body)


@pytest.mark.parametrize(("path", "action", "serializer"), ROUTES)
def test_values_that_are_none_name_their_field(api, url, path, action, serializer):
    address, missed = url(path, action), []
    for name, field in serializer().fields.items():
        values = WRONG.get(type(field), [5, "x", {}, [None], [[]]])
        for value in [*values, *([] if field.allow_null else [None])]:
            answer = send(api, action, address, {name: value})
            named = {str(e["attr"]).partition(".")[0] for e in answer.json()["errors"]}
            is_optional_blank = value == "" and getattr(field, "allow_blank", False)
            if not is_optional_blank and (answer.status_code != 400 or name not in named):
                missed.append((name, value if value != HUGE_NUMBER else "huge", answer.content))
    assert missed == []


def test_unknown_keys_are_named(api, url):
    body = {"colour_of_mood": 1, "\0": 2, SURROGATE: 3, "x" * 9999: 4}
    for path, action, _ in ROUTES:
        answer = send(api, action, url(path, action), body)
        named = {e["attr"] for e in answer.json()["errors"] if e["code"] == "unknown_field"}
        assert answer.status_code == 400, (path, action)
        assert named == {"colour_of_mood", "\0", SURROGATE, "x" * 100}, (path, action)


def test_overlong_text_names_its_field(api, url):
    for path, action, serializer in ROUTES:
        names = [n for n, field in serializer().fields.items() if type(field) is Text]
        answer = send(api, action, url(path, action), dict.fromkeys(names, "x" * 10_000))
        assert answer.status_code == 400 or not names
        found = {(e["code"], e["attr"]) for e in answer.json().get("errors", [])}
        assert found >= {("max_length", name) for name in names}, (path, action)


def test_bodies_that_are_no_json_object(api, url):
    for path, action, serializer in ROUTES:
        address = url(path, action)
        may_be_empty = action == "partial_update" or not serializer().fields
        for raw in NOT_JSON:
            if raw == b"" and may_be_empty:
                continue
            answer = send(api, action, address, raw)
            assert answer.status_code == 400, (path, action, raw[:20])
            assert answer.json()["errors"][0]["code"] in ("parse_error", "required")


@pytest.mark.parametrize("path", list(VIEWS))
def test_bodies_that_are_too_big_or_no_json(api, path):
    big = json.dumps({"reason": "x" * (2 * 1024 * 1024)}).encode()
    assert problem(api.send("POST", path, big))[:2] == (413, "payload_too_large")
    many = json.dumps({f"k{n}": 1 for n in range(100_000)}).encode()
    answer = api.send("POST", path, many)
    assert answer.status_code == 400
    assert len(answer.content) < 10_000
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = api.client.generic(
            "POST", f"/api/{path}", b"a=1", content_type=kind, headers=api.headers
        )
        assert answer.status_code in (400, 415), kind
        assert answer.json()["errors"]


@pytest.mark.parametrize(
    "query", ["?search=%00", "?%00=1", "?provider_id=%ff", "?status=%F0%9F%99%82"]
)
def test_unreadable_queries(api, query):
    answer = api.client.get(f"/api/appointments/appointments/{query}", headers=api.headers)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_nul_in_the_path(api):
    answer = api.client.get("/api/patients/%00/", headers=api.headers)
    assert problem(answer)[:2] == (400, "control_characters")
