"""Who may use which route: every role, strangers, and the other tenant's users."""

from datetime import date, time

import pytest

from accounts.permissions import TABLE, Permission, Role
from appointments.booking.engine import BookingEngine
from appointments.models import (
    AvailabilityRule,
    DisplayScreen,
    QueueEntry,
    ServicePoint,
    ServicePointQueue,
    SlotAvailability,
    WaitingList,
    WaitingQueue,
)
from appointments.tests.api import Api, api_of, problem

P = Permission
COLLECTIONS = {
    "patients": (P.SEE_PATIENTS, P.EDIT_PATIENTS),
    "accounts/providers": (P.SEE_CATALOGUE, None),
    "sites": (P.SEE_CATALOGUE, None),
    "appointments/appointment-types": (P.SEE_CATALOGUE, P.EDIT_CATALOGUE),
    "appointments/availability": (P.SEE_CATALOGUE, P.EDIT_CATALOGUE),
    "appointments/availability-rules": (P.SEE_CATALOGUE, P.EDIT_CATALOGUE),
    "appointments/appointments": (P.SEE_TODAY, P.BOOK),
    "appointments/queues": (P.SEE_QUEUES, P.CONFIGURE_QUEUES),
    "appointments/queue-entries": (P.SEE_QUEUES, None),
    "appointments/service-points": (P.SEE_QUEUES, P.CONFIGURE_QUEUES),
    "appointments/waitlist": (P.SEE_WAITLIST, P.EDIT_WAITLIST),
    "appointments/displays": (P.CONFIGURE_QUEUES, P.CONFIGURE_QUEUES),
}
STEPS = {
    "confirm": P.BOOK,
    "check_in": P.RUN_FLOW,
    "start": P.RUN_FLOW,
    "complete": P.RUN_FLOW,
    "no_show": P.RUN_FLOW,
    "cancel": P.BOOK,
    "reschedule": P.BOOK,
    "undo": P.RUN_FLOW,
}


def records_of(clinic):
    """One record's key per collection."""
    with clinic.active():
        row = BookingEngine(by=None).book(
            patient_id=clinic.patients[0].pk,
            provider_id=clinic.providers[0].pk,
            appointment_type_id=clinic.types[0].pk,
            start=clinic.at(1, time(10)),
        )
        queue = WaitingQueue.objects.create(name="Walk-in", site=clinic.site)
        queue.providers.add(clinic.providers[0])
        entry = QueueEntry.objects.create(queue=queue, patient=clinic.patients[0], ticket="A001")
        point = ServicePoint.objects.create(name="Room 1")
        ServicePointQueue.objects.create(point=point, queue=queue)
        wish = WaitingList.objects.create(
            patient=clinic.patients[0],
            appointment_type=clinic.types[0],
            desired_date_range_start=date(2035, 1, 1),
        )
        return {
            "patients": clinic.patients[0].pk,
            "accounts/providers": clinic.providers[0].pk,
            "sites": clinic.site.pk,
            "appointments/appointment-types": clinic.types[0].pk,
            "appointments/availability": SlotAvailability.objects.earliest("pk").pk,
            "appointments/availability-rules": AvailabilityRule.objects.earliest("pk").pk,
            "appointments/appointments": row.pk,
            "appointments/queues": queue.pk,
            "appointments/queue-entries": entry.pk,
            "appointments/service-points": point.pk,
            "appointments/waitlist": wish.pk,
            "appointments/displays": DisplayScreen.objects.create(name="Hall").pk,
        }


@pytest.mark.parametrize("role", list(Role))
def test_every_role_on_every_collection(riverside, role):
    api, records, rights = api_of(riverside, role), records_of(riverside), TABLE[role]
    for name, (see, edit) in COLLECTIONS.items():
        seen = 200 if see in rights else 403
        assert api.get(f"{name}/").status_code == seen, name
        assert api.get(f"{name}/{records[name]}/").status_code == seen, name
        # An empty body is bad input to whoever may write, and not looked at for others.
        expected = 405 if edit is None and see in rights else 400 if edit in rights else 403
        assert api.post(f"{name}/", {}).status_code == expected, name
    held = 400 if P.BOOK in rights else 403
    assert api.post("appointments/holds/", {}).status_code == held


@pytest.mark.parametrize("role", list(Role))
def test_every_role_on_every_step(riverside, role):
    api, key = api_of(riverside, role), records_of(riverside)["appointments/appointments"]
    for name, needed in STEPS.items():
        answer = api.post(f"appointments/appointments/{key}/{name}/", {"what": 1})
        expected = (400, "unknown_field") if needed in TABLE[role] else (403, "permission_denied")
        status, code, _ = problem(answer)
        codes = {error["code"] for error in answer.json()["errors"]}
        assert status == expected[0], (name, code)
        assert expected[1] in codes, (name, codes)


def test_strangers_get_401_everywhere(riverside):
    records, api = records_of(riverside), Api()
    for name in COLLECTIONS:
        for path in (f"{name}/", f"{name}/{records[name]}/"):
            assert problem(api.get(path))[:2] == (401, "not_authenticated"), path
        assert api.post(f"{name}/", {}).status_code == 401
        assert api.send("PUT", f"{name}/{records[name]}/", {}).status_code == 401
    for path in ("auth/me/", "appointments/appointments/1/history/"):
        assert api.get(path).status_code == 401
    assert api.post("appointments/appointments/1/confirm/").status_code == 401


@pytest.mark.parametrize("role", [r for r in Role if r != Role.PATIENT])
def test_the_other_tenant_does_not_exist(riverside, lakeside, role):
    records, api = records_of(riverside), api_of(lakeside, role)
    for name, (see, edit) in COLLECTIONS.items():
        path = f"{name}/{records[name]}/"
        if see not in TABLE[role]:
            assert api.get(path).status_code == 403, path
            continue
        assert api.get(path).status_code == 404, path
        listed = {row["id"] for row in api.get(f"{name}/", {"page_size": 500}).json()["results"]}
        assert records[name] not in listed
        if edit in TABLE[role]:
            assert api.patch(path, {}).status_code in (404, 405), path
            assert api.delete(path).status_code in (404, 405), path
    key = records["appointments/appointments"]
    for step, needed in STEPS.items():
        body = {"reason": "x"} if step == "cancel" else {}
        body = {"start": "2035-01-01T10:00:00Z"} if step == "reschedule" else body
        answer = api.post(f"appointments/appointments/{key}/{step}/", body)
        assert answer.status_code == (404 if needed in TABLE[role] else 403), step
    assert api.get(f"appointments/appointments/{key}/history/").status_code == 404
    for filters in (
        {"patient_id": riverside.patients[0].pk},
        {"provider_id": riverside.providers[0].pk},
    ):
        assert api.get("appointments/appointments/", filters).json()["count"] == 0


@pytest.mark.parametrize("path", ["nowhere/", "appointments/nowhere/", "patients/x/", "patients/1"])
def test_unknown_routes_are_404_as_json(riverside, path):
    answer = api_of(riverside).post(path, {})
    assert answer.status_code in (404, 301)
    if answer.status_code == 404:
        assert problem(answer)[:2] == (404, "not_found")


def test_keys_too_big_to_be_are_404(riverside):
    api = api_of(riverside, Role.MANAGER)
    for key in (0, 2**63, 10**19 - 1, 10**40, "9" * 5000):
        for path in (f"patients/{key}/", f"appointments/appointment-types/{key}/"):
            assert api.get(path).status_code == 404
            assert api.patch(path, {}).status_code == 404
        for step in STEPS:
            body = {"cancel": {"reason": "x"}, "reschedule": {"start": "2035-01-01T10:00Z"}}
            answer = api.post(f"appointments/appointments/{key}/{step}/", body.get(step, {}))
            assert answer.status_code == 404, (key, step)
        assert api.delete(f"appointments/holds/{key}/").status_code == 404


def test_methods_and_media_types(riverside):
    api = api_of(riverside)
    assert problem(api.send("PUT", "patients/1/", {}))[:2] == (405, "method_not_allowed")
    assert problem(api.send("OPTIONS", "patients/", {}))[:2] == (405, "method_not_allowed")
    wanted = api.get("patients/", Accept="application/xml")
    assert problem(wanted)[:2] == (406, "not_acceptable")
    assert api.client.head("/api/patients/", headers=api.headers).status_code == 200
