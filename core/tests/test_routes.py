"""Every route, as a stranger and as every role of the other hospital.

New routes are walked by themselves.  Each record of the first hospital has the same key,
``FOREIGN``, which no record of the second one has, so every id in every address is foreign.
"""

from datetime import date, time

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY as LOGGED_IN
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, ProviderProfile, User
from accounts.permissions import Role
from appointments.models import (
    AppointmentEvent,
    AppointmentRequest,
    AppointmentSeries,
    AppointmentTemplate,
    AvailabilityRule,
    DisplayScreen,
    Kiosk,
    QueueEntry,
    Resource,
    SchedulingMetrics,
    SchedulingPreference,
    ServicePoint,
    ServicePointQueue,
    SlotAvailability,
    TimeOff,
    WaitingList,
    WaitingQueue,
)
from core.models import AuditEvent, Site
from core.tests.routes import Route, all_routes
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db

FOREIGN = 987654321
SECRETS = ("Quagmirova", "Zebulonia", "RSECRET1", "Vandersloot", "Haunted corridor")
ROUTES = [route for route in all_routes(FOREIGN) if route.name != "readyz"]  # 503: no worker here

# Open to strangers on purpose.  Whatever is not listed here must refuse them.
PUBLIC = {
    "healthz",
    "accounts:login",
    "accounts:logout",
    "accounts:password_reset",
    "accounts:password_reset_done",
    "accounts:password_reset_confirm",
    "accounts:password_reset_complete",
    "schema",
    "api-docs",
    "api-token",
    "jsi18n",
    "display:code",
    "display:claimed",
}
NO_FRAGMENTS = ("/admin/", "/api/")
LOGIN_COOKIE = settings.SESSION_COOKIE_NAME
ENDS_THE_SESSION = {"accounts:logout", "accounts:password_reset_confirm", "admin:logout"}

ASKED = {
    "q": "Zebuloni",
    "search": "Zebuloni",
    **dict.fromkeys(
        (
            "id",
            "pk",
            "patient",
            "patient_id",
            "provider",
            "provider_id",
            "appointment_id",
            "appointment_type",
            "appointment_type_id",
            "site",
            "site_id",
            "queue_id",
            "queue_ids",
            "screen_id",
            "hold_id",
            "resource_id",
            "time_off_id",
            "series_id",
            "visit_id",
            "owner",
            "appointment",
        ),
        str(FOREIGN),
    ),
    "date": "2030-01-01",
    "reason": "test",
}


def get(client: Client, route: Route, **headers):
    return client.get(route.url, headers=headers)


def ask(client: Client, route: Route, **headers):
    return client.get(route.url, ASKED, headers=headers)


def post(client: Client, route: Route, **headers):
    kind = {"content_type": "application/json"} if route.url.startswith("/api/") else {}
    return client.post(route.url, ASKED, headers=headers, **kind)


def fragment(client: Client, route: Route):
    return client.post(route.url, ASKED, headers={"HX-Request": "true"})


WALKS = {
    Role.TENANT_ADMIN: (get, ask, post, fragment),
    Role.FRONT_DESK: (ask, post, fragment),
    Role.PATIENT: (ask, post, fragment),
}


@pytest.fixture
def hidden(riverside):
    """Riverside with one record of everything under the key ``FOREIGN``."""
    key = {"pk": FOREIGN}
    with riverside.active():
        site = Site.objects.create(**key, name="Haunted corridor")
        doctor = User.objects.create(
            **key, username="v@riverside.test", role=Role.PROVIDER, last_name="Vandersloot"
        )
        ProviderProfile.objects.create(**key, user=doctor)
        ApiToken.objects.create(**key, tenant=riverside.tenant, user=doctor, digest="d" * 64)
        patient = PatientProfile.objects.create(
            **key,
            mrn="RSECRET1",
            first_name="Zebulonia",
            last_name="Quagmirova",
            birth_date=date(1980, 1, 1),
        )
        kind = AppointmentTemplate.objects.create(**key, name="Secret kind")
        hours = {"start_time": time(8), "end_time": time(18)}
        rule = AvailabilityRule.objects.create(
            **key, provider=doctor, site=site, weekday=0, **hours
        )
        SlotAvailability.objects.create(
            **key, provider=doctor, site=site, rule=rule, date=date(2030, 1, 1), **hours
        )
        start, end = riverside.at(0, time(10)), riverside.at(0, time(11))
        room = Resource.objects.create(**key, name="Haunted corridor 1", kind="Room", site=site)
        TimeOff.objects.create(**key, provider=doctor, starts_at=start, ends_at=end)
        series = AppointmentSeries.objects.create(**key, rule="FREQ=DAILY;COUNT=2")
        appointment = AppointmentRequest.objects.create(
            **key,
            resource=room,
            series=series,
            patient=patient,
            provider=doctor,
            appointment_type=kind,
            site=site,
            scheduled_datetime=start,
            scheduled_end_datetime=end,
            blocked_from=start,
            blocked_until=end,
        )
        AppointmentEvent.objects.create(
            **key, appointment=appointment, step="book", to_status="PENDING"
        )
        queue = WaitingQueue.objects.create(**key, name="Secret queue", site=site)
        QueueEntry.objects.create(**key, queue=queue, patient=patient, ticket="S1")
        DisplayScreen.objects.create(**key, name="Haunted corridor").queues.add(queue)
        point = ServicePoint.objects.create(**key, name="Haunted corridor 2", site=site)
        ServicePointQueue.objects.create(**key, point=point, queue=queue)
        Kiosk.objects.create(**key, name="Haunted corridor", site=site, walk_in_queue=queue)
        WaitingList.objects.create(**key, patient=patient, appointment_type=kind)
        SchedulingMetrics.objects.create(**key, provider=doctor, date=date(2030, 1, 1))
        SchedulingPreference.objects.create(**key, patient=patient, home_address="Haunted corridor")
        AuditEvent.objects.create(**key, action="READ", table="core_site", record_id=FOREIGN)
    return riverside


def trail_of(clinic) -> int:
    with clinic.active():
        return AuditEvent.objects.count()


def leaks(response) -> list[str]:
    body = response.content.decode(errors="replace") + str(response.headers)
    return [secret for secret in SECRETS if secret in body]


def judge(client: Client, route: Route, send) -> str | None:
    """What is wrong with the answer, if anything."""
    response = send(client, route)
    where = f"{send.__name__} {route} {route.url}: {response.status_code}"
    if response.status_code >= 500:
        return f"{where} is an error"
    if found := leaks(response):
        return f"{where} shows {found}"
    if route.varies and response.status_code < 300 and route.name not in PUBLIC:
        return f"{where} answers for a foreign record"
    if LOGIN_COOKIE in client.cookies and not client.cookies[LOGIN_COOKIE].value:
        return f"{where} ended the session, so what follows would prove nothing"
    return None


@pytest.mark.parametrize("role", Role)
def test_no_role_of_another_tenant_gets_or_changes_anything(role, hidden, lakeside):
    """What managers, nurses and providers may do, administrators may too."""
    before = trail_of(hidden)
    client = lakeside.client(role)
    client.raise_request_exception = False
    wrong = [
        judge(client, route, send)
        for route in ROUTES
        for send in WALKS.get(role, (ask, post))
        if route.name not in ENDS_THE_SESSION
        and not (send is fragment and route.url.startswith(NO_FRAGMENTS))
    ]
    assert [fault for fault in wrong if fault] == []
    assert trail_of(hidden) == before
    assert LOGGED_IN in client.session


def test_a_patient_of_the_same_hospital_gets_nothing_of_anybody_elses(hidden):
    client = hidden.client(Role.PATIENT)
    client.raise_request_exception = False
    wrong = [
        judge(client, route, send)
        for route in ROUTES
        for send in (ask, post)
        if route.name not in ENDS_THE_SESSION
    ]
    assert [fault for fault in wrong if fault] == []
    assert LOGGED_IN in client.session


@pytest.mark.parametrize("role", [Role.TENANT_ADMIN, Role.FRONT_DESK])
def test_no_token_of_another_tenant_gets_or_changes_anything(role, hidden, lakeside):
    before = trail_of(hidden)
    client = Client(headers={"Authorization": f"Token {lakeside.token(role)}"})
    client.raise_request_exception = False
    wrong = [
        judge(client, route, send)
        for route in ROUTES
        for send in (get, ask, post)
        if route.url.startswith("/api/")
    ]
    assert [fault for fault in wrong if fault] == []
    assert trail_of(hidden) == before


@pytest.mark.parametrize("send", [get, post], ids=["get", "post"])
def test_strangers_are_refused_everywhere_else(send, hidden):
    client = Client(raise_request_exception=False)
    open_to_all, wrong = [], []
    for route in ROUTES:
        response = send(client, route)
        assert response.status_code < 500, route
        assert leaks(response) == []
        location = response.headers.get("Location", "")
        sent_to_login = response.status_code == 302 and location.startswith(settings_login())
        if not sent_to_login and response.status_code not in {401, 403, 404, 405}:
            (open_to_all if route.name in PUBLIC else wrong).append(str(route))
    assert wrong == []
    assert send is post or {"healthz", "accounts:login"} <= set(open_to_all)


def settings_login() -> str:
    return reverse(settings.LOGIN_URL)


def test_control_the_own_tenant_does_see_the_records(hidden):
    """Without it, the walks above could pass because nothing shows anything to anybody."""
    client = hidden.client(Role.TENANT_ADMIN)
    client.raise_request_exception = False
    shown = {
        route.url.split("/")[1]
        for route in ROUTES
        if route.name not in ENDS_THE_SESSION and leaks(get(client, route))
    }
    assert shown >= {"admin", "api", "patients"}
