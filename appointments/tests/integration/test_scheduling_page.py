"""The scheduling page: its wish, its results, holding, booking, and being too late."""

import json
from datetime import date, time, timedelta

import pytest

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus, Modality, WaitingListStatus
from appointments.models import (
    AppointmentPriorityRule,
    AppointmentRequest,
    SlotAvailability,
    TemplateProvider,
    WaitingList,
)
from appointments.tests.visits import make_visit
from appointments.views.scheduling_cards import SlotKey
from core.errors import InvalidInputError

pytestmark = pytest.mark.django_db
PAGE = "/appointments/scheduling/"
FIND, HOLD, BOOK = f"{PAGE}find-optimal-slots/", f"{PAGE}hold/", f"{PAGE}book/"
HTMX = {"HX-Request": "true"}
S = AppointmentStatus


@pytest.fixture
def desk(riverside):
    return Desk(riverside)


class Desk:
    """The page in the hands of a user of a role."""

    def __init__(self, clinic, role=Role.FRONT_DESK):
        self.clinic, self.client = clinic, clinic.client(role)
        self.wish = {
            "patient_id": clinic.patients[0].pk,
            "appointment_type_id": clinic.types[0].pk,
            "when": "weeks",
            "priority": "routine",
        }

    def post(self, url, *, htmx=True, **changes):
        data = {name: value for name, value in (self.wish | changes).items() if value is not None}
        return self.client.post(url, data, headers=HTMX if htmx else {})

    def find(self, **changes):
        return self.post(FIND, **changes)

    def cards(self, **changes):
        return self.find(**changes).context["cards"]

    def visits(self, *statuses):
        with self.clinic.active():
            return list(AppointmentRequest.objects.filter(status__in=statuses).order_by("pk"))


def triggers(response):
    return json.loads(response["HX-Trigger"])


def errors_of(response):
    return {place: said for place, said in response.context["form"].errors_at.items() if said}


# ------------------------------------------------------------------ the page


@pytest.mark.parametrize("role", [Role.NURSE, Role.PROVIDER, Role.PATIENT])
@pytest.mark.parametrize("url", [PAGE, FIND, HOLD, BOOK])
def test_who_may_not_book_is_refused(riverside, role, url):
    client = riverside.client(role)
    assert (client.get(url) if url == PAGE else client.post(url)).status_code == 403


def test_the_page_starts_with_a_question_and_no_reproach(desk):
    response = desk.client.get(PAGE)
    assert response.status_code == 200
    assert response.context["is_waiting"]
    assert errors_of(response) == {}


def test_a_link_may_start_the_wish(desk, riverside):
    patient, provider = riverside.patients[1], riverside.providers[1]
    query = {"patient": patient.pk, "type": riverside.types[1].pk, "provider": provider.pk}
    response = desk.client.get(PAGE, query)
    assert response.context["patient"] == patient
    assert {card.slot.provider_id for card in response.context["cards"]} == {provider.pk}
    assert f"{patient.get_full_name()}".encode() in response.content


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "٣"])
def test_what_a_link_says_wrongly_is_left_out(desk, value):
    response = desk.client.get(PAGE, {"patient": value, "type": value, "provider": value})
    assert response.status_code == 200
    assert response.context["patient"] is None


def test_it_reads_little_whatever_the_number_of_providers(
    desk, riverside, django_assert_max_num_queries
):
    query = {"patient": riverside.patients[0].pk, "type": riverside.types[0].pk}
    with django_assert_max_num_queries(30):
        desk.client.get(PAGE, query)


# ---------------------------------------------------------------- the results


def test_slots_are_ranked_and_explained(desk):
    response = desk.find()
    scores = [card.slot.score.total for card in response.context["cards"]]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    page = response.content.decode()
    assert page.count('role="meter"') == 10 * 6
    for word in ("Fits without gaps and soon", "Likely to come", "counts 30 %"):
        assert word in page


def test_more_are_shown_in_steps(desk):
    response = desk.find(most=20)
    assert len(response.context["cards"]) == 20
    assert response.context["more"] == 30
    assert desk.find(most=30).context["more"] == 50


def test_without_a_patient_times_are_shown_but_not_booked(desk):
    card = desk.cards(patient_id=None)[0]
    response = desk.post(BOOK, patient_id=None, slot=str(card.key))
    assert response.status_code == 400
    assert errors_of(response) == {"patient": ["Choose the patient first."]}
    assert response["HX-Reswap"] == "none"
    assert desk.visits(*S.values) == []


def test_the_wish_narrows(desk, riverside):
    provider = riverside.providers[1]
    wish = {"provider_ids": [provider.pk], "weekdays": ["2"], "parts": ["afternoon"]}
    zone = riverside.tenant.zone_info
    slots = [card.slot for card in desk.cards(most=500, **wish)]
    local = [slot.datetime.astimezone(zone) for slot in slots]
    assert {slot.provider_id for slot in slots} == {provider.pk}
    assert {at.weekday() for at in local} == {2}
    assert {at.hour for at in local} == {12, 13, 14, 15, 16, 17} - {17}


def test_exact_hours_overrule_the_time_of_day(desk, riverside):
    cards = desk.cards(most=500, parts=["evening"], time_from="09:00", time_to="09:30")
    zone = riverside.tenant.zone_info
    assert {card.slot.datetime.astimezone(zone).time() for card in cards} == {
        time(9),
        time(9, 15),
    }


@pytest.mark.parametrize(
    ("when", "first", "last"), [("this_week", 0, 6), ("next_week", 1, 13), ("later", 14, 28)]
)
def test_presets_mean_days(desk, riverside, when, first, last):
    today = riverside.at(0, time(12)).astimezone(riverside.tenant.zone_info).date()
    wish = desk.find(when=when).context["wish"]
    assert today + timedelta(days=first) <= wish.dates[0]
    assert wish.dates[-1] <= today + timedelta(days=last)
    if when == "next_week":
        assert (wish.dates[0].weekday(), wish.dates[-1].weekday()) == (0, 6)


def test_a_day_of_the_map_narrows_until_other_days_are_wished(desk, riverside):
    zone = riverside.tenant.zone_info
    first = desk.find().context
    day = first["map"].weeks[1][3].day
    place = {"day": day.isoformat(), "shown_for": first["form"].signature}
    narrowed = desk.find(**place, most=500).context
    assert narrowed["day"] == day
    assert {card.slot.datetime.astimezone(zone).date() for card in narrowed["cards"]} == {day}
    cells = [cell for week in narrowed["map"].weeks for cell in week]
    assert sum(bool(cell.free) for cell in cells) > 1
    assert desk.find(**place, when="later").context["day"] is None


def test_the_map_turns_its_pages(desk):
    first = desk.find().context
    turned = {"map_from": first["map"].later.isoformat(), "shown_for": first["form"].signature}
    later = desk.find(**turned).context
    assert later["map"].first == first["map"].later
    assert later["map"].earlier == first["map"].first or later["map"].earlier is not None
    assert [card.key for card in later["cards"]] == [card.key for card in first["cards"]]


@pytest.mark.parametrize("day", ["1900-01-01", "2199-12-31", "soon"])
def test_a_day_beyond_the_calendar_is_not_narrowed_to(desk, day):
    response = desk.find(day=day, map_from=day, shown_for="weeks")
    assert response.status_code in {200, 400}
    assert response.context.get("day") is None


def test_a_rule_is_named(desk, riverside):
    with riverside.active():
        AppointmentPriorityRule.objects.create(name="Chest pain", requires_same_day=True)
    assert "“Chest pain”" in desk.find().content.decode()
    later = desk.find(when="later")
    assert "asks for a visit today, and today is not" in later.content.decode()


def test_a_rule_of_a_specialty_counts_for_its_providers(desk, riverside):
    """Whatever filter is set besides; the type has no specialty of its own."""
    with riverside.active():
        AppointmentPriorityRule.objects.create(
            name="Heart", specialties=["general medicine"], max_wait_days=3
        )
    provider = {"provider_ids": riverside.providers[0].pk}
    assert desk.find().context["demand"].names == ()
    for wish in (provider, {"specialty": "General medicine"}, provider | {"parts": "morning"}):
        assert desk.find(**wish).context["demand"].names == ("Heart",)


def test_the_days_that_were_waited_count(desk, riverside):
    with riverside.active():
        AppointmentPriorityRule.objects.create(name="Two weeks", max_wait_days=14)
        entry = WaitingList.objects.create(
            patient=riverside.patients[0],
            appointment_type=riverside.types[0],
            created_at=riverside.at(-12, time(9)),
        )
    assert desk.find().context["demand"].max_wait_days == 14
    page = desk.find(waiting_id=entry.pk, order="soonest", most=500)
    assert page.context["demand"].max_wait_days == 2
    late = {
        card.slot.is_late
        for card in page.context["cards"]
        if card.slot.datetime > riverside.at(3, time(1))
    }
    assert late == {True}
    assert not page.context["can_wait"]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"patient_id": "987654321"}, "patient"),
        ({"appointment_type_id": "987654321"}, "type"),
        ({"provider_ids": ["987654321"]}, "who"),
        ({"specialty": "Astrology"}, "who"),
        ({"site_id": "987654321"}, "site"),
        ({"when": "yesterday"}, "when"),
        ({"when": "dates"}, "when"),
        ({"when": "dates", "date_from": "2001-01-01", "date_to": "2001-01-02"}, "when"),
        ({"when": "dates", "date_from": "2199-01-02", "date_to": "2199-01-01"}, "when"),
        ({"when": "dates", "date_from": "2001-01-01", "date_to": "2199-01-02"}, "when"),
        ({"weekdays": ["7"]}, "weekdays"),
        ({"parts": ["night"]}, "times"),
        ({"time_from": "09:00"}, "times"),
        ({"time_from": "10:00", "time_to": "09:00"}, "times"),
        ({"modality": "telehealth"}, "how"),
        ({"priority": "asap"}, "urgency"),
        ({"diagnosis_codes": "E11.9, BOGUS"}, "codes"),
        ({"duration_minutes": "0"}, "minutes"),
        ({"duration_minutes": "10000"}, "minutes"),
    ],
)
def test_a_mistake_is_named_beside_its_field(desk, changes, place):
    response = desk.find(**changes)
    assert response.status_code == 400
    assert list(errors_of(response)) == [place]
    assert f'id="wish-error-{place}"'.encode() in response.content
    assert "cards" not in response.context


def test_a_mistake_is_named_without_scripts_too(desk):
    response = desk.post(FIND, htmx=False, weekdays=["7"])
    assert response.status_code == 400
    assert (
        b'id="wish-error-weekdays" class="wish-error"><p class="field-error">' in response.content
    )


def test_asking_without_a_type_says_so(desk):
    response = desk.find(appointment_type_id=None, search="1")
    assert response.status_code == 400
    assert errors_of(response) == {"type": ["Choose the type of visit."]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~~~~~",
        "2030-01-01T10:00~1~1~1~30~",
        "2030-13-01T10:00:00+00:00~1~1~1~30~",
        "2030-01-01T10:00:00+00:00~1~1~1~99999~",
        "2030-01-01T10:00:00+00:00~1~1~1~30~either",
        "0001-01-01T00:00:00+14:00~1~1~1~30~",
    ],
)
def test_a_slot_that_no_button_says_is_refused(desk, text):
    with pytest.raises(InvalidInputError):
        SlotKey.read(text)
    for url in (HOLD, BOOK):
        assert desk.post(url, slot=text).status_code == 400


def test_a_slot_says_itself(desk):
    key = desk.cards()[0].key
    assert SlotKey.read(str(key)) == key


# ------------------------------------------------------------- the patient


def test_a_patient_is_chosen_changed_and_registered_in_place(desk, riverside):
    chosen = desk.find(patient_id=None, choose=riverside.patients[2].pk)
    assert chosen.context["patient"] == riverside.patients[2]
    assert b'id="patient-chooser" hx-swap-oob="innerHTML"' in chosen.content
    assert desk.find(change="1").context["patient"] is None
    new = {"new-first_name": "Ada", "new-last_name": "Lovelace", "new-birth_date": "1985-12-10"}
    made = desk.find(patient_id=None, register="1", **new)
    assert made.context["patient"].get_full_name() == "Ada Lovelace"
    again = desk.find(patient_id=None, register="1", **new)
    assert [each.pk for each in again.context["duplicates"]] == [made.context["patient"].pk]
    assert desk.find(patient_id=None, register="1").status_code == 400


def test_a_patient_is_found_without_scripts(desk, riverside):
    response = desk.post(FIND, htmx=False, patient_id=None, find="1", q="Pat2")
    assert riverside.patients[1] in response.context["options"]
    assert response.templates[0].name == "appointments/scheduling/smart_scheduling.html"


# ------------------------------------------------------------ hold and book


def test_a_hold_keeps_the_time_for_five_minutes_and_releases(desk):
    card = desk.cards()[1]
    response = desk.post(HOLD, slot=str(card.key))
    (held,) = desk.visits(S.HELD)
    assert (held.scheduled_datetime, held.provider_id) == (card.slot.datetime, card.key.provider_id)
    assert held.hold_expires_at - held.created_at <= timedelta(minutes=5, seconds=5)
    assert "slots-changed" in response["HX-Trigger-After-Settle"]
    assert card.key not in [each.key for each in desk.cards(most=500)]
    assert f'name="held" value="{held.pk}"'.encode() in desk.client.get(PAGE).content
    assert desk.post(HOLD, release=held.pk).status_code == 200
    assert desk.visits(S.HELD) == []


def test_one_hold_at_a_time(desk):
    first, second = desk.cards()[:2]
    desk.post(HOLD, slot=str(first.key))
    (before,) = desk.visits(S.HELD)
    desk.post(HOLD, slot=str(second.key), held=before.pk)
    (held,) = desk.visits(S.HELD)
    assert held.scheduled_datetime == second.slot.datetime


def test_a_colleagues_hold_is_not_released(desk, riverside):
    card = desk.cards()[0]
    Desk(riverside, Role.MANAGER).post(HOLD, slot=str(card.key))
    (held,) = desk.visits(S.HELD)
    desk.post(HOLD, release=held.pk)
    assert desk.post(BOOK, hold=held.pk).status_code == 409
    assert desk.visits(S.HELD) == [held]


def test_a_held_time_is_booked_with_what_the_wish_says(desk):
    desk.post(HOLD, slot=str(desk.cards()[1].key))
    (held,) = desk.visits(S.HELD)
    wish = {"priority": "urgent", "reason": "Cough", "diagnosis_codes": "e119"}
    response = desk.post(BOOK, hold=held.pk, held=held.pk, **wish)
    assert response.status_code == 204
    assert list(triggers(response)) == ["toast", "visit-changed", "hold-ended"]
    (visit,) = desk.visits(*S.values)
    assert visit.status == S.PENDING
    assert (visit.priority, visit.reason, visit.diagnosis_codes) == ("urgent", "Cough", ["E11.9"])
    assert visit.scheduled_datetime == held.scheduled_datetime


def test_a_hold_for_nobody_is_booked_for_whom_is_chosen_then(desk, riverside):
    desk.post(HOLD, slot=str(desk.cards()[0].key), patient_id=None)
    (held,) = desk.visits(S.HELD)
    assert desk.post(BOOK, hold=held.pk, patient_id=None).status_code == 400
    assert desk.post(BOOK, hold=held.pk).status_code == 204
    assert desk.visits(S.PENDING)[0].patient_id == riverside.patients[0].pk


def test_a_hold_that_is_gone_cannot_be_booked(desk, riverside):
    desk.post(HOLD, slot=str(desk.cards()[0].key))
    (held,) = desk.visits(S.HELD)
    with riverside.active():
        AppointmentRequest.objects.update(hold_expires_at=riverside.at(-1, time(12)))
    assert desk.post(BOOK, hold=held.pk).status_code == 409
    assert desk.visits(S.PENDING) == []


def test_booking_in_one_click_offers_undo_and_the_visit(desk):
    response = desk.post(BOOK, slot=str(desk.cards()[0].key))
    (visit,) = desk.visits(S.PENDING)
    toast = triggers(response)["toast"]
    assert toast["undo"] == f"/appointments/{visit.pk}/undo/"
    assert toast["show"] == f"/appointments/{visit.pk}/"


def test_booking_another_time_frees_the_held_one(desk):
    first, second = desk.cards()[:2]
    desk.post(HOLD, slot=str(first.key))
    (held,) = desk.visits(S.HELD)
    desk.post(BOOK, slot=str(second.key), held=held.pk)
    assert [visit.status for visit in desk.visits(*S.values)] == [S.PENDING]


def test_a_double_click_books_once(desk):
    key = str(desk.cards()[0].key)
    assert [desk.post(BOOK, slot=key).status_code for _ in range(2)] == [204, 204]
    assert len(desk.visits(*S.values)) == 1


def test_without_scripts_booking_leads_back_to_the_wish(desk):
    response = desk.post(BOOK, htmx=False, slot=str(desk.cards()[0].key))
    assert response.status_code == 302
    assert f"patient={desk.wish['patient_id']}" in response["Location"]
    held = desk.post(HOLD, htmx=False, slot=str(desk.cards()[0].key))
    assert held.context["held"] in desk.visits(S.HELD)


def test_a_waiting_patients_visit_ends_the_wait_and_undo_resumes_it(desk, riverside):
    with riverside.active():
        entry = WaitingList.objects.create(
            patient=riverside.patients[1],
            appointment_type=riverside.types[1],
            priority="urgent",
            diagnosis_codes=["E11.9"],
        )
    page = desk.client.get(PAGE, {"waiting": entry.pk})
    assert page.context["patient"] == riverside.patients[1]
    assert b"Booking this visit ends the wait" in page.content
    wish = {
        "waiting_id": entry.pk,
        "patient_id": entry.patient_id,
        "appointment_type_id": entry.appointment_type_id,
        "priority": "urgent",
    }
    desk.post(HOLD, slot=str(page.context["cards"][0].key), **wish)
    (held,) = desk.visits(S.HELD)
    booked = desk.post(BOOK, hold=held.pk, **wish)
    (visit,) = desk.visits(*S.values)
    assert visit.is_waitlist_conversion
    undo = triggers(booked)["toast"]["undo"]
    with riverside.active():
        entry.refresh_from_db()
        assert entry.scheduled_appointment_id == visit.pk
    assert desk.client.post(undo, headers=HTMX).status_code == 204
    with riverside.active():
        entry.refresh_from_db()
        assert entry.status == WaitingListStatus.ACTIVE


def test_a_wait_that_a_colleague_ended_does_not_become_two_visits(desk, riverside):
    with riverside.active():
        entry = WaitingList.objects.create(
            patient=riverside.patients[1], appointment_type=riverside.types[1]
        )
    page = desk.client.get(PAGE, {"waiting": entry.pk})
    wish = {
        "waiting_id": entry.pk,
        "patient_id": entry.patient_id,
        "appointment_type_id": entry.appointment_type_id,
    }
    first, second = (str(card.key) for card in page.context["cards"][:2])
    for _ in range(2):  # a second press of the same button shows what the first one booked
        assert desk.post(BOOK, slot=first, **wish).status_code < 300
    assert desk.post(BOOK, slot=second, **wish).status_code == 409
    assert len(desk.visits(*S.values)) == 1


def test_another_visit_than_the_awaited_one_leaves_the_wait(desk, riverside):
    with riverside.active():
        entry = WaitingList.objects.create(
            patient=riverside.patients[0], appointment_type=riverside.types[1]
        )
    desk.post(BOOK, slot=str(desk.cards()[0].key), waiting_id=entry.pk)
    with riverside.active():
        entry.refresh_from_db()
        assert entry.status == WaitingListStatus.ACTIVE
    assert len(desk.visits(S.PENDING)) == 1


# ------------------------------------------------------------- just too late


@pytest.fixture
def taken(desk, riverside):
    """A slot that somebody else has booked since it was shown."""
    card = desk.cards()[1]
    with riverside.active():
        BookingEngine(by=riverside.user(Role.MANAGER)).book(
            patient_id=riverside.patients[1].pk,
            provider_id=card.key.provider_id,
            appointment_type_id=card.key.type_id,
            start=card.slot.datetime,
        )
    return card


@pytest.mark.parametrize("url", [HOLD, BOOK])
def test_a_taken_time_offers_the_five_nearest(desk, taken, url):
    response = desk.post(url, slot=str(taken.key))
    assert response.status_code == 409
    assert response["HX-Retarget"] == "closest [data-slot]"
    near = [card.slot.datetime for card in response.context["alternatives"]]
    assert len(near) == 5
    assert near == sorted(near)
    every = {card.slot.datetime for card in desk.cards(most=500)}
    start = taken.slot.datetime
    assert set(near) == set(sorted(every, key=lambda each: (abs(each - start), each))[:5])
    assert len(desk.visits(*S.values)) == 1


def test_an_alternative_can_be_booked_at_once(desk, taken):
    alternative = desk.post(BOOK, slot=str(taken.key)).context["alternatives"][0]
    assert desk.post(BOOK, slot=str(alternative.key)).status_code == 204


def test_a_failed_hold_leaves_the_earlier_one(desk, taken):
    desk.post(HOLD, slot=str(desk.cards()[0].key))
    (held,) = desk.visits(S.HELD)
    assert desk.post(HOLD, slot=str(taken.key), held=held.pk).status_code == 409
    assert desk.visits(S.HELD) == [held]


def test_without_scripts_being_too_late_is_a_page(desk, taken):
    response = desk.post(BOOK, htmx=False, slot=str(taken.key))
    assert response.status_code == 409
    assert b"Just taken" in response.content
    assert response.templates[0].name == "appointments/scheduling/smart_scheduling.html"


# ------------------------------------------------------------ nothing suits


def test_the_whole_wish_goes_on_the_waitlist(desk, riverside):
    first, last = (riverside.at(n, time(12)).date() for n in (40, 43))
    wish = {
        "provider_ids": riverside.providers[1].pk,
        "priority": "urgent",
        "diagnosis_codes": "I21, E11.9",
        "when": "dates",
        "date_from": first,
        "date_to": last,
        "time_from": "10:00",
        "time_to": "12:00",
        "weekdays": [0, 2],
        "reason": "Chest pain",
    }
    assert desk.find().context["can_wait"]
    panel = desk.post("/appointments/waitlist/add/", from_wish="1", **wish)
    assert panel.status_code == 200
    assert panel.context["patient"] == riverside.patients[0]
    form = panel.context["form"]
    assert form.errors == {}
    assert form.initial == {
        "patient_id": riverside.patients[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "preferred_provider_id": riverside.providers[1].pk,
        "priority": "urgent",
        "diagnosis_codes": ["I21", "E11.9"],
        "preferred_time": time(10),
        "desired_date_range_start": first,
        "desired_date_range_end": last,
        "notes": "Chest pain; Mo, We",
    }
    sent = {bound.name: bound.value() for bound in form if bound.value() not in (None, "")}
    sent["diagnosis_codes"] = "I21, E11.9"
    added = desk.client.post("/appointments/waitlist/add/", sent, headers=HTMX)
    assert added.status_code == 204, added.context["form"].errors
    with riverside.active():
        assert WaitingList.objects.get().diagnosis_codes == ["I21", "E11.9"]


def test_an_empty_wish_opens_an_empty_form(desk):
    panel = desk.client.post("/appointments/waitlist/add/", {"from_wish": "1"}, headers=HTMX)
    assert panel.status_code == 200
    assert panel.context["form"].initial["priority"] == "routine"


def test_nothing_in_the_wished_hours_offers_to_look_further(desk, riverside):
    wish = {"provider_ids": [riverside.providers[0].pk], "parts": ["morning"], "when": "next_week"}
    with riverside.active():
        SlotAvailability.objects.filter(
            provider=riverside.providers[0], date__lt=riverside.at(14, time(12)).date()
        ).update(start_time=time(13))
    response = desk.find(**wish)
    assert response.status_code == 200
    assert "Nothing suits" in response.content.decode()
    assert "/appointments/waitlist/add/" in response.content.decode()
    ways = {each.name: each.free for each in response.context["wider"]}
    assert {"who", "times"} <= set(ways)
    for way, free in ways.items():
        wider = desk.find(**wish, widen=way)
        assert wider.context["free"] == free
        assert b'id="wish-fields" hx-swap-oob="innerHTML"' in wider.content


def test_the_reason_is_said(desk, riverside):
    kind, provider = riverside.types[0], riverside.providers[1]
    with riverside.active():
        SlotAvailability.objects.filter(provider=provider).delete()
    response = desk.find(provider_ids=[provider.pk])
    assert "works on these days" in response.context["why_nothing"]
    with riverside.active():
        kind.min_lead_minutes = 90 * 24 * 60
        kind.save()
    assert "at least 90 days ahead" in desk.find().context["why_nothing"]


def test_a_full_day_says_so(desk, riverside):
    day = riverside.at(1, time(8))
    with riverside.active():
        for provider in range(2):
            make_visit(riverside, day, provider=provider, patient=provider + 1, minutes=600)
    date_ = day.astimezone(riverside.tenant.zone_info).date().isoformat()
    response = desk.find(when="dates", date_from=date_, date_to=date_)
    assert response.context["why_nothing"] == "Everything on these days is taken."


# ------------------------------------------------------- what types leave open


def test_types_say_what_they_leave_open(desk, riverside):
    kind = riverside.types[1]
    with riverside.active():
        kind.modality = Modality.EITHER
        kind.save()
        TemplateProvider.objects.create(template=kind, provider=riverside.providers[0])
    page = desk.client.get(PAGE).content.decode()
    assert (
        f'data-modality="either" data-minutes="45" data-providers="{riverside.providers[0].pk}"'
        in page
    )


def test_telehealth_is_booked_as_wished(desk, riverside):
    kind = riverside.types[1]
    with riverside.active():
        kind.modality = Modality.EITHER
        kind.save()
    wish = {"appointment_type_id": kind.pk, "modality": "telehealth"}
    card = desk.cards(**wish)[0]
    assert card.is_telehealth
    desk.post(BOOK, slot=str(card.key), **wish)
    assert desk.visits(S.PENDING)[0].modality == Modality.TELEHEALTH


def test_another_hospitals_slot_is_refused(desk, lakeside):
    own = Desk(lakeside).cards()[0]
    for url in (HOLD, BOOK):
        assert desk.post(url, slot=str(own.key)).status_code == 400
    assert desk.visits(*S.values) == []


def test_dates_are_of_the_tenants_calendar(desk):
    assert isinstance(desk.find().context["wish"].dates[0], date)
