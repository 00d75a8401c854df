"""The waitlist's page and panels, as the front desk uses them."""

from datetime import time, timedelta
from html import unescape

import pytest
from django.urls import reverse

from accounts.permissions import Role
from appointments.enums import AppointmentStatus as S
from appointments.models import AppointmentEvent, AppointmentRequest, WaitingList
from appointments.tests.visits import make_visit
from patients.models import PatientProfile

HTMX = {"HX-Request": "true"}
PAGE = reverse("waitlist:waitlist")
ADD = reverse("waitlist:add")


@pytest.fixture
def desk(riverside):
    return riverside.client(Role.FRONT_DESK)


@pytest.fixture
def waiting(riverside):
    with riverside.active():
        return WaitingList.objects.create(
            patient=riverside.patients[0],
            appointment_type=riverside.types[0],
            created_at=riverside.at(-9, time(8)),
        )


def shown(response) -> str:
    return unescape(response.content.decode())


def wish(clinic, **fields):
    return {
        "patient_id": clinic.patients[0].pk,
        "appointment_type_id": clinic.types[0].pk,
        "priority": "routine",
        **fields,
    }


def day(clinic, days: int) -> str:
    return clinic.at(days, time(12)).astimezone(clinic.tenant.zone_info).date().isoformat()


def url(name, entry):
    return reverse(f"waitlist:{name}", args=[entry.pk])


def test_longest_waiting_stand_first_with_their_days(riverside, desk, waiting):
    with riverside.active():
        WaitingList.objects.create(
            patient=riverside.patients[1], appointment_type=riverside.types[1]
        )
    page = shown(desk.get(PAGE))
    assert page.index("Pat1 Riversideson") < page.index("Pat2 Riversideson")
    assert "9 days" in page
    assert "since today" in page
    assert page.count('class="row-link"') == 2


def test_the_page_takes_as_many_queries_at_any_size(riverside, django_assert_max_num_queries):
    client = riverside.client(Role.MANAGER)
    counts = []
    for count in (1, 60):
        with riverside.active():
            for n in range(count):
                visit = make_visit(
                    riverside,
                    riverside.at(3, time(8)),
                    patient=n % 3,
                    overbooked=True,
                    override_reason="test",
                )
                WaitingList.objects.create(
                    patient=riverside.patients[n % 3],
                    appointment_type=riverside.types[0],
                    preferred_provider=riverside.providers[n % 2],
                    status="SCHEDULED",
                    scheduled_appointment=visit,
                )
        client.get(PAGE)
        with django_assert_max_num_queries(12) as whole:
            page = client.get(PAGE, {"status": "SCHEDULED"})
        with django_assert_max_num_queries(12) as found:
            rows = client.post(reverse("waitlist:rows"), {"status": "SCHEDULED", "q": "Pat"})
        counts.append((len(whole), len(found)))
    assert counts[0] == counts[1]
    assert "1–25 of 61" in shown(page)
    assert "1–25 of 61" in shown(rows)


def test_filters_and_search(riverside, desk, waiting):
    rows = reverse("waitlist:rows")
    found = 'class="row-link"'
    for asked, count in (
        ({}, 1),
        ({"status": "CANCELLED"}, 0),
        ({"status": "nonsense", "page": "x", "type": "x", "provider": "-1"}, 1),
        ({"type": riverside.types[0].pk}, 1),
        ({"type": riverside.types[1].pk}, 0),
        ({"provider": riverside.providers[0].pk}, 0),
        ({"priority": "urgent"}, 0),
        ({"q": "pat1"}, 1),
        ({"q": "pat2"}, 0),
        ({"q": "\x00🙂%"}, 0),
    ):
        assert shown(desk.post(rows, asked)).count(found) == count, asked
    assert "Nobody fits" in shown(desk.post(rows, {"q": "pat2"}))
    assert "Nothing here" in shown(desk.post(rows, {"status": "EXPIRED"}))
    assert found in shown(desk.get(PAGE, {"type": riverside.types[0].pk}))


def test_an_empty_list_says_what_to_do(riverside, desk):
    assert "Nobody is waiting" in shown(desk.get(PAGE))
    assert ADD in shown(desk.get(PAGE))
    nurse = riverside.client(Role.NURSE)
    assert ADD not in shown(nurse.get(PAGE))
    assert nurse.get(ADD).status_code == 403


def test_another_tenant_sees_nothing(lakeside, waiting):
    client = lakeside.client(Role.MANAGER)
    assert "Riversideson" not in shown(client.get(PAGE))
    for name in ("entry", "edit", "book"):
        assert client.get(url(name, waiting)).status_code == 404
    for name in ("edit", "book", "withdraw", "put_back", "undo_booking"):
        assert client.post(url(name, waiting), {}).status_code == 404


def test_a_patient_is_put_on_the_list(riverside, desk):
    form = shown(desk.get(ADD, {"patient": riverside.patients[0].pk, "type": "x"}, headers=HTMX))
    assert "Pat1 Riversideson" in form
    saved = desk.post(
        ADD,
        wish(
            riverside,
            preferred_provider_id=riverside.providers[1].pk,
            desired_date_range_start=day(riverside, 2),
            desired_date_range_end=day(riverside, 9),
            preferred_time="09:30",
            diagnosis_codes="e11.9, I21; i21",
            notes="Calls at noon",
        ),
        headers=HTMX,
    )
    assert saved.status_code == 204
    with riverside.active():
        entry = WaitingList.objects.get()
    assert entry.diagnosis_codes == ["E11.9", "I21"]
    assert (entry.preferred_time, entry.notes) == (time(9, 30), "Calls at noon")
    assert entry.preferred_provider_id == riverside.providers[1].pk
    panel = shown(desk.get(url("entry", entry), headers=HTMX))
    assert "Type 2 diabetes mellitus without complications" in panel
    assert "about 09:30" in panel
    assert url("withdraw", entry) in saved["HX-Trigger"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"patient_id": ""}, "Choose the patient first."),
        ({"patient_id": "99999999"}, "There is no such record."),
        ({"appointment_type_id": ""}, "This field is required."),
        ({"diagnosis_codes": "E11, X99.99"}, "“X99.99” is not an ICD-10 code."),
        ({"desired_date_range_end": "2020-01-01"}, "This day has passed."),
        ({"preferred_date": "tomorrow"}, "Enter a valid date."),
        ({"notes": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(riverside, desk, change, said):
    refused = desk.post(ADD, wish(riverside) | change, headers=HTMX)
    assert refused.status_code == 400
    assert said in shown(refused)
    with riverside.active():
        assert not WaitingList.objects.exists()


def test_the_form_works_without_scripts(riverside, desk):
    found = desk.post(ADD, {"find": "1", "q": "pat2", "notes": "kept"})
    assert "Pat2 Riversideson" in shown(found)
    assert "kept" in shown(found)
    chosen = desk.post(ADD, {"choose": riverside.patients[1].pk, "notes": "kept"})
    assert f'name="patient_id" value="{riverside.patients[1].pk}"' in shown(chosen)
    assert "Pat2" not in shown(desk.post(ADD, {"change": "1", "patient_id": 1}))
    saved = desk.post(ADD, wish(riverside), follow=True)
    assert saved.redirect_chain == [(PAGE, 302)]
    assert "Pat1 Riversideson is on the waitlist" in shown(saved)


def test_a_new_patient_is_registered_on_the_way(riverside, desk):
    new = {
        "new-first_name": "Nadia",
        "new-last_name": "Newcomer",
        "new-birth_date": "1990-05-04",
        "new-phone": "",
    }
    wrong = desk.post(ADD, {"register": "1", "notes": "kept"} | new | {"new-birth_date": "x"})
    assert wrong.status_code == 400
    assert "field-error" in shown(wrong)
    chosen = desk.post(ADD, {"register": "1", "notes": "kept"} | new)
    assert "Nadia Newcomer" in shown(chosen)
    assert "kept" in shown(chosen)
    with riverside.active():
        patient = PatientProfile.objects.get(last_name="Newcomer")
    again = desk.post(ADD, {"register": "1"} | new)
    assert "Already known?" in shown(again)
    desk.post(ADD, wish(riverside) | {"patient_id": patient.pk})
    with riverside.active():
        assert WaitingList.objects.get().patient == patient


def test_a_second_wait_and_a_coming_visit_are_told_before(riverside, desk, waiting):
    with riverside.active():
        make_visit(riverside, riverside.at(3, time(10)))
    asked = {
        "patient_id": riverside.patients[0].pk,
        "appointment_type_id": riverside.types[0].pk,
    }
    told = shown(desk.post(reverse("waitlist:also_waiting"), asked))
    assert "Waits for this already, for 9 days" in told
    assert "Has a visit of this type on" in told
    asked["appointment_type_id"] = riverside.types[1].pk
    assert shown(desk.post(reverse("waitlist:also_waiting"), asked)).strip() == ""
    assert shown(desk.post(reverse("waitlist:also_waiting"), {})).strip() == ""


def test_a_wish_is_changed_unless_somebody_was_faster(riverside, desk, waiting):
    form = shown(desk.get(url("edit", waiting), headers=HTMX))
    assert 'name="version" value="1"' in form
    change = wish(riverside, priority="urgent", version=1)
    assert desk.post(url("edit", waiting), change, headers=HTMX).status_code == 204
    assert desk.post(url("edit", waiting), change, headers=HTMX).status_code == 412
    other = change | {"version": 2, "patient_id": riverside.patients[1].pk}
    assert desk.post(url("edit", waiting), other, headers=HTMX).status_code == 204
    with riverside.active():
        waiting.refresh_from_db()
    assert (waiting.priority, waiting.version) == ("urgent", 3)
    assert waiting.patient_id == riverside.patients[0].pk


def test_withdrawing_can_be_undone(riverside, desk, waiting):
    gone = desk.post(url("withdraw", waiting), {"version": 1}, headers=HTMX)
    assert gone.status_code == 204
    assert url("put_back", waiting) in gone["HX-Trigger"]
    assert desk.post(url("withdraw", waiting), headers=HTMX).status_code == 409
    assert desk.get(url("edit", waiting), headers=HTMX).status_code == 409
    assert desk.get(url("book", waiting), headers=HTMX).status_code == 409
    assert "Put back" in shown(desk.get(url("entry", waiting), headers=HTMX))
    assert desk.post(url("put_back", waiting), headers=HTMX).status_code == 204
    with riverside.active():
        waiting.refresh_from_db()
    assert waiting.status == "ACTIVE"


def offered(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('name="slot" value="')[1:]]


def test_an_offered_time_is_booked_and_undone(riverside, desk, waiting):
    slots = offered(shown(desk.get(url("book", waiting), headers=HTMX)))
    assert len(slots) == 6
    booked = desk.post(url("book", waiting), {"slot": slots[1], "version": 1}, headers=HTMX)
    assert booked.status_code == 204
    with riverside.active():
        visit = AppointmentRequest.objects.get()
        waiting.refresh_from_db()
    assert f"{visit.provider_id}|" in slots[1]
    assert (visit.is_waitlist_conversion, visit.patient_id) == (True, waiting.patient_id)
    assert (waiting.status, waiting.scheduled_appointment_id) == ("SCHEDULED", visit.pk)
    undo = url("undo_booking", waiting)
    assert undo in booked["HX-Trigger"]
    assert desk.post(undo, headers=HTMX).status_code == 204
    with riverside.active():
        visit.refresh_from_db()
        waiting.refresh_from_db()
        assert [step.step for step in AppointmentEvent.objects.order_by("pk")] == ["book", "undo"]
    assert (visit.status, waiting.status) == (S.CANCELLED, "ACTIVE")
    assert waiting.scheduled_appointment_id is None
    assert desk.post(undo, headers=HTMX).status_code == 409


def test_a_booking_that_went_on_is_not_undone_with_the_wait(riverside, desk, waiting):
    slot = offered(shown(desk.get(url("book", waiting), headers=HTMX)))[0]
    desk.post(url("book", waiting), {"slot": slot}, headers=HTMX)
    with riverside.active():
        visit = AppointmentRequest.objects.get()
    desk.post(reverse("visits:take_step", args=[visit.pk, "confirm"]), headers=HTMX)
    assert desk.post(url("undo_booking", waiting), headers=HTMX).status_code == 409
    with riverside.active():
        visit.refresh_from_db()
        waiting.refresh_from_db()
    assert (visit.status, waiting.status) == (S.CONFIRMED, "SCHEDULED")


def test_offers_meet_the_wish_where_they_can(riverside, desk, waiting):
    provider, wanted = riverside.providers[1], day(riverside, 4)
    with riverside.active():
        WaitingList.objects.filter(pk=waiting.pk).update(
            preferred_provider=provider,
            desired_date_range_start=wanted,
            desired_date_range_end=wanted,
            preferred_time=time(9),
        )
    page = shown(desk.get(url("book", waiting), headers=HTMX))
    assert "Best free times" in page
    for slot in offered(page):
        key, start = slot.split("|")
        assert (int(key), start[:10]) == (provider.pk, wanted)
        assert "08:00" <= start[11:16] < "11:00"
    with riverside.active():
        WaitingList.objects.filter(pk=waiting.pk).update(preferred_time=time(23))
    page = shown(desk.get(url("book", waiting), headers=HTMX))
    assert "Nothing free fits the wish" in page
    assert len(offered(page)) == 6


def test_a_time_taken_meanwhile_keeps_the_patient_waiting(riverside, desk, waiting):
    slot = offered(shown(desk.get(url("book", waiting), headers=HTMX)))[0]
    desk.post(
        reverse("calendar:book"),
        {
            "patient_id": riverside.patients[1].pk,
            "provider_id": slot.split("|")[0],
            "appointment_type_id": riverside.types[0].pk,
            "pick": slot.split("|")[1],
        },
        headers=HTMX,
    )
    refused = desk.post(url("book", waiting), {"slot": slot}, headers=HTMX)
    assert refused.status_code == 409
    assert "Nearest free times" in shown(refused)
    assert slot not in offered(shown(refused))
    with riverside.active():
        waiting.refresh_from_db()
    assert waiting.status == "ACTIVE"


@pytest.mark.parametrize("slot", ["x|y", "1|", "|", "1|2020-01-01T10:00:00+00:00", "1|9999"])
def test_nonsense_is_not_booked(riverside, desk, waiting, slot):
    assert desk.post(url("book", waiting), {"slot": slot}, headers=HTMX).status_code == 400
    with riverside.active():
        assert not AppointmentRequest.objects.exists()


def test_a_cancelled_visit_is_shown_and_offers_to_put_back(riverside, desk, waiting):
    with riverside.active():
        visit = make_visit(riverside, riverside.at(3, time(10)), status=S.CANCELLED)
        WaitingList.objects.filter(pk=waiting.pk).update(
            status="SCHEDULED", scheduled_appointment=visit
        )
    page = shown(desk.get(PAGE, {"status": "SCHEDULED"}))
    assert "cancelled" in page
    assert url("put_back", waiting) in page


def test_passed_dates_and_visits_that_come_anyway_are_marked(riverside, desk, waiting):
    with riverside.active():
        make_visit(riverside, riverside.at(3, time(10)))
        WaitingList.objects.filter(pk=waiting.pk).update(
            desired_date_range_end=riverside.at(-1, time(12)).date() - timedelta(days=1)
        )
    page = shown(desk.get(PAGE))
    assert "Dates have passed" in page
    assert "booked" in page
