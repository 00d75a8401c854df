"""The administration site: one tenant's records, a fixed number of queries, friendly refusals."""

from datetime import date, time, timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, ProviderProfile, User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import (
    AppointmentEvent,
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentSeries,
    AppointmentTemplate,
    AvailabilityRule,
    DisplayScreen,
    Kiosk,
    NoShowModel,
    QueueAlert,
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueueMetrics,
    ReminderCall,
    Resource,
    SchedulingMetrics,
    SchedulingPreference,
    SchedulingWeights,
    ServicePoint,
    SlotAvailability,
    TimeOff,
    WaitingList,
    WaitingQueue,
)
from appointments.queue.events import QueueChanged
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.visits import make_visit
from core.events import subscribe
from core.models import AuditEvent, Site, Tenant
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MAX_QUERIES = 12
NEW_PASSWORD = "a-long-enough-one-77"


def address(model, page, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def fill(clinic, model, count: int) -> None:
    """Add ``count`` rows of the model, each with its own neighbours where it has any."""
    number = model.unscoped.count() if hasattr(model, "unscoped") else model.objects.count()
    for n in range(number, number + count):
        ROWS.get(model, lambda clinic, n: None)(clinic, n)


def _patient(clinic, n):
    return PatientProfile.objects.create(
        mrn=f"X{n}", first_name=f"New{n}", last_name="Person", birth_date=date(1990, 1, 1)
    )


def _user(clinic, n, role=Role.PROVIDER):
    email = f"u{n}@{clinic.tenant.slug}.test"
    return User.objects.create(username=email, email=email, role=role)


def _appointment(clinic, n):
    return BookingEngine(by=clinic.user(Role.FRONT_DESK)).book(
        patient_id=_patient(clinic, n).pk,
        provider_id=_user(clinic, n).pk,
        appointment_type_id=AppointmentTemplate.objects.create(name=f"Kind {n}").pk,
        start=clinic.at(1, time(10)),
    )


def _weights(clinic, n):
    """There is one row at most."""
    SchedulingWeights.objects.get_or_create()


def _queue(clinic, n):
    site = Site.objects.create(name=f"Queue site {n}")
    return WaitingQueue.objects.create(name=f"Queue {n}", site=site)


def _queue_event(clinic, n):
    patient = _patient(clinic, n)
    return AdvancedQueueEngine(_queue(clinic, n)).add_to_queue(patient_id=patient.pk)


ROWS = {
    Site: lambda clinic, n: Site.objects.create(name=f"Site {n}"),
    User: _user,
    ApiToken: lambda clinic, n: ApiToken.issue(_user(clinic, n)),
    ProviderProfile: lambda clinic, n: ProviderProfile.objects.create(user=_user(clinic, n)),
    PatientProfile: _patient,
    AppointmentTemplate: lambda clinic, n: AppointmentTemplate.objects.create(name=f"Kind {n}"),
    AvailabilityRule: lambda clinic, n: AvailabilityRule.objects.create(
        provider=_user(clinic, n),
        site=Site.objects.create(name=f"Rule site {n}"),
        weekday=0,
        start_time=time(8),
        end_time=time(9),
    ),
    SlotAvailability: lambda clinic, n: SlotAvailability.objects.create(
        provider=_user(clinic, n),
        site=Site.objects.create(name=f"Window site {n}"),
        date=date(2031, 1, 1),
        start_time=time(8),
        end_time=time(9),
    ),
    AppointmentRequest: _appointment,
    AppointmentEvent: _appointment,
    WaitingQueue: _queue,
    QueueEntry: lambda clinic, n: QueueEntry.objects.create(
        queue=_queue(clinic, n), patient=_patient(clinic, n), ticket=f"A{n}"
    ),
    WaitingList: lambda clinic, n: WaitingList.objects.create(
        patient=_patient(clinic, n),
        appointment_type=AppointmentTemplate.objects.create(name=f"Wish {n}"),
    ),
    AppointmentSeries: lambda clinic, n: AppointmentSeries.objects.create(rule="FREQ=WEEKLY"),
    Resource: lambda clinic, n: Resource.objects.create(
        name=f"Room {n}", kind=f"Kind {n}", site=Site.objects.create(name=f"Room site {n}")
    ),
    TimeOff: lambda clinic, n: TimeOff.objects.create(
        provider=_user(clinic, n), starts_at=clinic.at(n, time(8)), ends_at=clinic.at(n, time(9))
    ),
    SchedulingPreference: lambda clinic, n: SchedulingPreference.objects.create(
        patient=_patient(clinic, n)
    ),
    AppointmentPriorityRule: lambda clinic, n: AppointmentPriorityRule.objects.create(
        name=f"Priority {n}"
    ),
    SchedulingWeights: _weights,
    NoShowModel: lambda clinic, n: NoShowModel.objects.create(
        version_number=n,
        prior_missed=1,
        prior_kept=9,
        trained_from=date(2026, 1, 1),
        trained_until=date(2026, 6, 1),
        visits=n,
    ),
    ReminderCall: lambda clinic, n: ReminderCall.objects.create(
        patient=_patient(clinic, n), visits_until=date(2031, 1, 1), outcome="no_answer"
    ),
    SchedulingMetrics: lambda clinic, n: SchedulingMetrics.objects.create(
        provider=_user(clinic, n), date=date(2031, 1, 1)
    ),
    QueueMetrics: lambda clinic, n: QueueMetrics.objects.create(
        queue=_queue(clinic, n), date=date(2031, 1, 1), hour=9
    ),
    ServicePoint: lambda clinic, n: ServicePoint.objects.create(
        name=f"Point {n}",
        site=Site.objects.create(name=f"Point site {n}"),
        provider=_user(clinic, n),
    ),
    DisplayScreen: lambda clinic, n: DisplayScreen.objects.create(
        name=f"Screen {n}", site=Site.objects.create(name=f"Screen site {n}")
    ),
    Kiosk: lambda clinic, n: Kiosk.objects.create(
        name=f"Kiosk {n}", site=Site.objects.create(name=f"Kiosk site {n}")
    ),
    QueueAlert: lambda clinic, n: QueueAlert.objects.create(
        kind="long_wait", queue=_queue(clinic, n)
    ),
    QueueEvent: _queue_event,
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_list_has_as_many_queries_for_many_rows_as_for_few(
    model, riverside, django_assert_max_num_queries
):
    client = riverside.client(Role.TENANT_ADMIN)
    url = address(model, "changelist")
    counts = []
    for more in (1, 20):
        with riverside.active():
            fill(riverside, model, more)
        client.get(url)
        with django_assert_max_num_queries(MAX_QUERIES) as queries:
            response = client.get(url)
        counts.append(len(queries))
        assert response.status_code == 200 or model is Tenant
    assert counts[0] == counts[1]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_of_every_model_opens_and_knows_no_other_tenant(model, riverside, lakeside):
    for clinic in (riverside, lakeside):
        with clinic.active():
            fill(clinic, model, 1)
    with riverside.active():
        foreign = model._default_manager.order_by("-pk").first()
    with lakeside.active():
        own = model._default_manager.order_by("-pk").first()
    client = lakeside.client(Role.TENANT_ADMIN)
    assert own is not None, "the row factory above must make one"
    for page, key, expected in (
        ("changelist", None, {200, 302} if model is Tenant else {200}),
        ("add", None, {200, 403} | ({302} if model is SchedulingWeights else set())),
        ("change", own.pk, {200}),
        ("history", own.pk, {302}),
        ("delete", own.pk, {200, 403}),
        ("change", foreign.pk, {404}),
        ("history", foreign.pk, {404}),
        ("delete", foreign.pk, {404, 403}),
    ):
        response = client.get(address(model, page, *([key] if key else [])))
        assert response.status_code in expected, (page, key)
        assert "Riverside" not in response.content.decode()
    assert client.get(address(model, "changelist") + "?q=Person").status_code in {200, 302}


def test_inline_choices_are_read_once_however_many_rows(riverside, django_assert_max_num_queries):
    with riverside.active():
        kind = riverside.types[0]
        for n in range(10):
            kind.providers.add(_user(riverside, n))
            kind.sites.add(Site.objects.create(name=f"S{n}"))
    client, url = (
        riverside.client(Role.TENANT_ADMIN),
        address(AppointmentTemplate, "change", kind.pk),
    )
    client.get(url)
    with django_assert_max_num_queries(MAX_QUERIES):
        page = client.get(url)
    assert page.status_code == 200


def test_only_our_own_records_are_registered():
    assert {model._meta.app_label for model in MODELS} == {
        "core",
        "accounts",
        "patients",
        "appointments",
    }


@pytest.mark.parametrize("role", [role for role in Role if role != Role.TENANT_ADMIN])
def test_other_roles_are_refused_without_a_loop(role, riverside):
    client = riverside.client(role)
    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/core/site/").status_code == 403
    login = client.get("/admin/login/")
    assert login["Location"].startswith(reverse("accounts:login"))


def test_a_stranger_goes_to_the_products_login():
    response = Client().get("/admin/core/site/?q=x")
    assert response.status_code == 302
    assert response["Location"] == reverse("accounts:login") + "?next=/admin/core/site/%3Fq%3Dx"


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root@demo", "root@demo", NEW_PASSWORD)


def test_a_superuser_chooses_a_tenant_first(root, riverside):
    client = Client()
    client.force_login(root, backend="accounts.backends.TenantBackend")
    response = client.get("/admin/core/site/")
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("accounts:choose_tenant"))
    session = client.session
    session["tenant_id"] = riverside.tenant.pk
    session.save()
    page = client.get("/admin/core/site/")
    assert page.status_code == 200
    assert "Main building" in page.content.decode()


def test_an_administrator_adds_a_user_of_the_own_tenant_only(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {
        "email": "New.Doctor@Riverside.test",
        "first_name": "New",
        "last_name": "Doctor",
        "role": Role.PROVIDER,
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
        "is_superuser": "on",
        "is_staff": "on",
    }
    assert client.post(address(User, "add"), form).status_code == 302
    with riverside.active():
        user = User.objects.get(username="new.doctor@riverside.test")
        assert user.email == user.username
        assert user.tenant_id == riverside.tenant.pk
        assert not user.is_superuser
        assert not user.is_staff
        assert user.check_password(NEW_PASSWORD)
        assert ProviderProfile.objects.filter(user=user).exists()
        trail = AuditEvent.objects.get(table="accounts_user", record_id=user.pk, action="INSERT")
        assert trail.actor_id == riverside.user(Role.TENANT_ADMIN).pk
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("address", ["http://video.example/1", "javascript:alert(1)", "room 5"])
def test_a_video_room_is_a_secure_address(riverside, address):
    profile = riverside.providers[0].provider_profile
    profile.video_room_url = address
    with riverside.active(), pytest.raises(ValidationError) as refused:
        profile.full_clean()
    assert list(refused.value.message_dict) == ["video_room_url"]


def test_a_login_of_another_tenant_is_taken(riverside, lakeside):
    form = {
        "email": riverside.user(Role.NURSE).username.upper(),
        "role": Role.NURSE,
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
    }
    response = lakeside.client(Role.TENANT_ADMIN).post(address(User, "add"), form)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["email"] == [
        "This address is already a login."
    ]


def test_an_administrator_cannot_demote_or_deactivate_themselves(riverside):
    me = riverside.user(Role.TENANT_ADMIN)
    form = {"email": me.email, "first_name": "I", "last_name": "Am", "role": Role.NURSE}
    assert (
        riverside.client(Role.TENANT_ADMIN).post(address(User, "change", me.pk), form).status_code
        == 302
    )
    with riverside.active():
        me = User.objects.get(pk=me.pk)
    assert (me.first_name, me.role, me.is_active) == ("I", Role.TENANT_ADMIN, True)


def test_a_forged_foreign_key_is_an_error_of_its_field(riverside, lakeside):
    client = lakeside.client(Role.TENANT_ADMIN)
    form = {
        "provider": riverside.providers[0].pk,
        "site": riverside.site.pk,
        "weekday": 0,
        "start_time": "08:00",
        "end_time": "09:00",
        "slot_minutes": 15,
    }
    response = client.post(address(AvailabilityRule, "add"), form)
    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {"provider", "site"}
    wish = {
        "patient": riverside.patients[0].pk,
        "appointment_type": riverside.types[0].pk,
        "priority": "routine",
        "status": "ACTIVE",
    }
    response = client.post(address(WaitingList, "add"), wish)
    assert set(response.context["adminform"].form.errors) == {"patient", "appointment_type"}


def test_autocomplete_offers_the_own_patients_only(riverside, lakeside):
    asked = {
        "app_label": "appointments",
        "model_name": "waitinglist",
        "field_name": "patient",
        "term": "Pat",
    }
    found = lakeside.client(Role.TENANT_ADMIN).get("/admin/autocomplete/", asked).json()["results"]
    assert [row["text"] for row in found] == [f"Pat{n} Lakesideson (L0000{n})" for n in (1, 2, 3)]


def test_a_name_used_twice_is_an_error_of_the_name(riverside):
    form = {"name": riverside.site.name, "opens_at": "08:00", "closes_at": "18:00"}
    response = riverside.client(Role.TENANT_ADMIN).post(address(Site, "add"), form)
    assert response.context["adminform"].form.errors == {"name": ["Another site has this name."]}


def test_a_patient_is_registered_by_the_desks_rules(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {
        "first_name": "Ann",
        "last_name": "Lee",
        "birth_date": "2990-01-01",
        "sex": "female",
        "language": "en",
        "is_active": "on",
    }
    response = client.post(address(PatientProfile, "add"), form)
    assert set(response.context["adminform"].form.errors) == {"birth_date"}
    response = client.post(address(PatientProfile, "add"), form | {"birth_date": "1990-01-01"})
    assert response.status_code == 302
    with riverside.active():
        patient = PatientProfile.objects.get(last_name="Lee")
        assert patient.mrn == "P0000001"
    url = address(PatientProfile, "change", patient.pk)
    assert client.get(url).status_code == 200
    saved = client.post(url, form | {"birth_date": "1991-01-01", "mrn": patient.mrn})
    assert saved.status_code == 302
    with riverside.active():
        patient.refresh_from_db()
        trail = AuditEvent.objects.filter(table="patients_patientprofile", record_id=patient.pk)
        assert [event.action for event in trail.order_by("pk")] == ["INSERT", "READ", "UPDATE"]
    assert (patient.birth_date, patient.version) == (date(1991, 1, 1), 2)


def test_appointments_are_confirmed_and_cancelled_by_the_engine(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        row = _appointment(riverside, 0)
    url = address(AppointmentRequest, "changelist")
    chosen = {"_selected_action": [row.pk]}
    client.post(url, chosen | {"action": "confirm"})
    page = client.post(url, chosen | {"action": "cancel"}, follow=True)
    assert "Say why it is cancelled." in page.content.decode()
    with riverside.active():
        row.refresh_from_db()
        assert row.status == "CONFIRMED"
    client.post(url, chosen | {"action": "cancel", "reason": "Doctor ill"})
    with riverside.active():
        row.refresh_from_db()
        assert (row.status, row.cancellation_reason) == ("CANCELLED", "Doctor ill")
        assert row.events.count() == 3


def test_nothing_with_a_history_can_be_deleted(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        row = _appointment(riverside, 0)
        records = (row, row.patient, row.provider)
    for record in records:
        url = address(type(record), "delete", record.pk)
        assert client.post(url, {"post": "yes"}).status_code == 403
    page = client.post(
        address(AppointmentTemplate, "delete", row.appointment_type_id), {"post": "yes"}
    )
    assert page.status_code == 200
    assert f"Appointment {row.pk}" in page.content.decode()
    with riverside.active():
        assert AppointmentTemplate.objects.filter(pk=row.appointment_type_id).exists()


def test_saving_a_rule_makes_its_windows_and_deleting_it_takes_them(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        provider = _user(riverside, 0)
        day = riverside.at(0, time(12)).date() + timedelta(days=1)
    form = {
        "provider": provider.pk,
        "site": riverside.site.pk,
        "weekday": day.weekday(),
        "start_time": "08:00",
        "end_time": "12:00",
        "slot_minutes": 15,
    }
    assert client.post(address(AvailabilityRule, "add"), form).status_code == 302
    with riverside.active():
        windows = SlotAvailability.objects.filter(provider=provider)
        rule = AvailabilityRule.objects.get(provider=provider)
        assert windows.count() >= 25
        assert {window.rule_id for window in windows} == {rule.pk}
    client.post(address(AvailabilityRule, "delete", rule.pk), {"post": "yes"})
    with riverside.active():
        assert not SlotAvailability.objects.filter(provider=provider).exists()


def test_a_token_shows_no_digest_and_is_revoked(riverside):
    token = riverside.token(Role.NURSE)
    digest = ApiToken.digest_of(token)
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        key = ApiToken.objects.get().pk
    page = client.get(address(ApiToken, "change", key)).content.decode()
    assert digest not in page
    client.post(address(ApiToken, "delete", key), {"post": "yes"})
    with riverside.active():
        assert not ApiToken.objects.exists()


def test_the_tenants_own_settings_are_changed_but_not_its_slug(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {
        "name": "River",
        "slug": "stolen",
        "zone": "Europe/Paris",
        "locale": riverside.tenant.locale,
        "no_show_grace_minutes": 30,
    }
    url = address(Tenant, "change", riverside.tenant.pk)
    assert client.post(url, form).status_code == 302
    with riverside.active():
        tenant = Tenant.objects.get()
    assert (tenant.name, tenant.zone, tenant.slug) == ("River", "Europe/Paris", "riverside")
    assert client.get(address(Tenant, "add")).status_code == 403


def test_weights_are_one_row_that_sums_to_one(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {
        "provider_availability": "0.3",
        "patient_priority": "0.25",
        "no_show_risk": "0.2",
        "geographic_proximity": "0.15",
        "patient_preference": "0.2",
    }
    response = client.post(address(SchedulingWeights, "add"), form)
    assert response.context["adminform"].form.non_field_errors() == [
        "The shares sum to 110 %; they must sum to 100 %."
    ]
    form["patient_preference"] = "0.1"
    assert client.post(address(SchedulingWeights, "add"), form).status_code == 302
    with riverside.active():
        weights = SchedulingWeights.objects.get()
    changed = form | {"patient_preference": "0.2", "provider_availability": "0.2"}
    url = address(SchedulingWeights, "change", weights.pk)
    assert client.post(address(SchedulingWeights, "add"), changed)["Location"] == url
    assert client.post(url, changed).status_code == 302
    with riverside.active():
        weights.refresh_from_db()
    assert (weights.patient_preference, weights.version) == (0.2, 2)


def test_wishes_entered_by_hand_are_marked_as_such(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        row = SchedulingPreference.objects.create(
            patient=riverside.patients[0], manual_fields=["average_late_arrival_minutes"]
        )
    rows = "preferredprovider_set"
    form = {
        "preferred_days": ["Monday", "Friday"],
        "home_address": "",
        "travel_time_to_clinic": "",
        f"{rows}-TOTAL_FORMS": "1",
        f"{rows}-INITIAL_FORMS": "0",
        f"{rows}-0-provider": riverside.providers[0].pk,
        f"{rows}-0-preference": row.pk,
    }
    url = address(SchedulingPreference, "change", row.pk)
    assert client.post(url, form).status_code == 302
    with riverside.active():
        row.refresh_from_db()
        assert list(row.preferred_providers.all()) == riverside.providers[:1]
    assert row.preferred_days == ["Monday", "Friday"]
    assert row.manual_fields == [
        "average_late_arrival_minutes",
        "preferred_days",
        "preferred_providers",
    ]
    assert row.version == 2


def test_a_measured_wish_that_is_emptied_is_learned_again(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    ended = riverside.at(-1, time(10))
    with riverside.active():
        visit = make_visit(riverside, ended, status="COMPLETED", checked_in_at=ended)
        row = SchedulingPreference.objects.create(
            patient=visit.patient, average_no_show_rate=0.9, manual_fields=["average_no_show_rate"]
        )
    url = address(SchedulingPreference, "change", row.pk)
    given = _as_shown(client.get(url))
    assert given["average_no_show_rate"] == 0.9
    assert client.post(url, given | {"average_no_show_rate": ""}).status_code == 302
    with riverside.active():
        row.refresh_from_db()
    assert row.manual_fields == []
    assert row.average_no_show_rate is not None
    assert row.average_no_show_rate < 0.5


def test_half_a_place_is_no_place(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {"name": "New wing", "opens_at": "08:00", "closes_at": "18:00", "latitude": "52.5"}
    refused = client.post(address(Site, "add"), form)
    assert refused.context["adminform"].form.errors == {
        "longitude": ["Give it with the latitude, or neither."]
    }
    assert client.post(address(Site, "add"), form | {"longitude": "13.4"}).status_code == 302


def test_the_waitlist_is_written_by_its_engine(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    wish = {
        "patient": riverside.patients[0].pk,
        "appointment_type": riverside.types[0].pk,
        "priority": "routine",
        "diagnosis_codes": "X99.99",
    }
    response = client.post(address(WaitingList, "add"), wish)
    assert set(response.context["adminform"].form.errors) == {"diagnosis_codes"}
    wish["diagnosis_codes"] = "e119,I21"
    assert client.post(address(WaitingList, "add"), wish).status_code == 302
    with riverside.active():
        entry = WaitingList.objects.get()
    assert entry.diagnosis_codes == ["E11.9", "I21"]
    url = address(WaitingList, "change", entry.pk)
    assert client.post(url, wish | {"preferred_date": "2020-01-01"}).status_code == 302
    assert client.post(url, wish | {"priority": "urgent"}).status_code == 302
    with riverside.active():
        entry.refresh_from_db()
    assert (entry.priority, entry.preferred_date, entry.version) == ("urgent", None, 2)
    chosen = {"action": "withdraw", "_selected_action": [entry.pk]}
    for _ in range(2):
        page = client.post(address(WaitingList, "changelist"), chosen, follow=True)
    assert "This wait has ended" in page.content.decode()
    with riverside.active():
        entry.refresh_from_db()
    assert entry.status == "CANCELLED"
    assert client.get(address(WaitingList, "delete", entry.pk)).status_code == 403


def test_time_off_is_of_exactly_one(riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    form = {
        "provider": riverside.providers[0].pk,
        "site": riverside.site.pk,
        "starts_at_0": "2031-01-01",
        "starts_at_1": "08:00",
        "ends_at_0": "2031-01-02",
        "ends_at_1": "08:00",
        "kind": "leave",
    }
    response = client.post(address(TimeOff, "add"), form)
    assert response.context["adminform"].form.non_field_errors() == [
        "Choose one: a provider, a site or a resource."
    ]
    assert client.post(address(TimeOff, "add"), form | {"site": ""}).status_code == 302
    with riverside.active():
        row = TimeOff.objects.get()
    assert row.starts_at.astimezone(riverside.tenant.zone_info).hour == 8


def _waiting(clinic, n):
    with clinic.active():
        return _queue_event(clinic, n)


def _act(clinic, action, queue_id, **more):
    form = {"action": action, "_selected_action": [queue_id], **more}
    url = address(WaitingQueue, "changelist")
    return clinic.client(Role.TENANT_ADMIN).post(url, form, follow=True)


def test_a_queue_is_put_in_order_by_its_engine(riverside):
    entry = _waiting(riverside, 1)
    page = _act(riverside, "reposition_queue", entry.queue_id)
    assert "Queue 1: 1 waiting, in order." in page.content.decode()


def test_clearing_a_queue_asks_first_and_keeps_the_history(riverside):
    entry = _waiting(riverside, 1)
    page = _act(riverside, "clear_queue", entry.queue_id)
    assert "Everybody who waits in these queues" in page.content.decode()
    with riverside.active():
        entry.refresh_from_db()
        assert entry.status == "WAITING"
    page = _act(riverside, "clear_queue", entry.queue_id, confirmed="yes")
    assert "Queue 1: 1 left." in page.content.decode()
    with riverside.active():
        entry.refresh_from_db()
        last = entry.events.first()
        assert (entry.status, last.step, last.reason) == ("LEFT", "leave", "The queue was cleared")
        assert last.by_id == riverside.user(Role.TENANT_ADMIN).pk


def test_metrics_are_exported_as_a_file(riverside):
    with riverside.active():
        fill(riverside, QueueMetrics, 1)
        row = QueueMetrics.objects.get()
    for model, key in ((WaitingQueue, row.queue_id), (QueueMetrics, row.pk)):
        form = {"action": "export_metrics", "_selected_action": [key]}
        url = address(model, "changelist")
        answer = riverside.client(Role.TENANT_ADMIN).post(url, form)
        assert answer["Content-Type"].startswith("text/csv")
        assert "Queue 0,2031-01-01,9,0,0" in answer.content.decode()


def test_a_queues_configuration_is_changed_with_it_and_shown_at_once(
    riverside, django_capture_on_commit_callbacks
):
    told = []
    subscribe(QueueChanged, lambda event: told.append(event.queue_id))
    with riverside.active():
        queue = _queue(riverside, 1)
        QueueConfiguration.objects.create(queue=queue)
    client, url = riverside.client(Role.TENANT_ADMIN), address(WaitingQueue, "change", queue.pk)
    days = "configuration-0-opening_days"
    given = _as_shown(client.get(url)) | {"configuration-0-guard_minutes": "45", days: ["0", "4"]}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url, given).status_code == 302
    with riverside.active():
        changed = QueueConfiguration.objects.get()
    assert (changed.guard_minutes, changed.opening_days) == (45, [0, 4])
    assert told == [queue.pk]
    shown = _as_shown(client.get(url))
    assert shown[days] == [0, 4]
    assert client.post(url, shown | {days: []}).status_code == 302
    with riverside.active():
        assert QueueConfiguration.objects.get().opening_days == []


def _as_shown(page):
    """What the change page would send if nobody touched it."""
    shown = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        shown += [inline.formset.management_form, *inline.formset.initial_forms]
    values = {field.html_name: field.value() for form in shown for field in form}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    "model",
    [
        NoShowModel,
        ReminderCall,
        SchedulingMetrics,
        AppointmentSeries,
        QueueMetrics,
        QueueAlert,
        QueueEvent,
    ],
)
def test_what_engines_write_is_read_only(model, riverside):
    client = riverside.client(Role.TENANT_ADMIN)
    with riverside.active():
        fill(riverside, model, 1)
        key = model.objects.get().pk
    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "change", key), {}).status_code == 403
    assert client.post(address(model, "delete", key), {"post": "yes"}).status_code == 403


def queue_form(**changes) -> dict:
    """What the page of a queue sends, without its inlines."""
    inlines = ("configuration", "queueprovider_set")
    counts = {f"{name}-{count}_FORMS": 0 for name in inlines for count in ("TOTAL", "INITIAL")}
    form = {"name": "New", "prefix": "N", "max_queue_size": 50, "is_active": "on"}
    return form | {"specialty": "", "site": ""} | counts | changes


def test_letters_of_tickets_are_given_once_here_too(riverside):
    with riverside.active():
        WaitingQueue.objects.create(name="Reception", prefix="A")
    client = riverside.client(Role.TENANT_ADMIN)
    page = client.get(address(WaitingQueue, "add"))
    assert page.context["adminform"].form.initial["prefix"] == "B"
    taken = client.post(address(WaitingQueue, "add"), queue_form(prefix="A"))
    assert taken.context["adminform"].form.errors == {
        "prefix": ["Another queue's tickets begin with this."]
    }
    assert client.post(address(WaitingQueue, "add"), queue_form()).status_code == 302


def test_a_queue_with_somebody_in_it_is_not_retired_here_either(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Reception", prefix="A")
        entry = AdvancedQueueEngine(queue).add_to_queue(patient_id=riverside.patients[0].pk)
    client, url = riverside.client(Role.TENANT_ADMIN), address(WaitingQueue, "change", queue.pk)
    retired = queue_form(name="Reception", prefix="A")
    del retired["is_active"]
    assert client.post(url, retired).context["adminform"].form.errors == {
        "is_active": ["Somebody is still in it."]
    }
    with riverside.active():
        AdvancedQueueEngine(queue).take("leave", entry.pk)
    assert client.post(url, retired).status_code == 302
