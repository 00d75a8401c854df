"""The flow board: columns, warnings, filters, and the day of the tenant's own clock."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Role
from appointments.booking.board import HEAD_CARDS, columns, double_booked
from appointments.booking.selectors import day_bounds, visits_between
from appointments.enums import AppointmentStatus
from appointments.tests.visits import make_visit
from core.models import Site
from patients.models import PatientProfile

S = AppointmentStatus
BOARD, COLUMNS = "/today/", "/today/board-columns/"


def board_of(clinic, *, now, day=None):
    zone = clinic.tenant.zone_info
    with clinic.active():
        start, end = day_bounds(day or now.astimezone(zone).date(), zone)
        visits = visits_between(clinic.user(Role.FRONT_DESK), start, end, now=now)
        return {column.key: column for column in columns(visits, now=now)}


def test_each_state_stands_in_its_column(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        made = {
            status: make_visit(riverside, start + timedelta(hours=n), status=status)
            for n, status in enumerate((S.PENDING, S.CHECKED_IN, S.IN_PROGRESS, S.COMPLETED))
        }
        missed = make_visit(riverside, start + timedelta(hours=5), status=S.NO_SHOW)
        make_visit(
            riverside, start, provider=1, status=S.HELD, hold_expires_at=start + timedelta(days=1)
        )
    board = board_of(riverside, now=start - timedelta(hours=1), day=start.date())
    shown = {key: [card.visit.id for card in column.cards] for key, column in board.items()}
    assert shown == {
        "expected": [made[S.PENDING].pk],
        "waiting": [made[S.CHECKED_IN].pk],
        "in-room": [made[S.IN_PROGRESS].pk],
        "done": [made[S.COMPLETED].pk],
    }
    assert [card.visit.id for card in board["done"].aside] == [missed.pk]


@pytest.mark.parametrize(
    ("minutes", "hue", "flags"),
    [(4, "", set()), (5, "amber", {"late"}), (15, "vermilion", {"late"})],
)
def test_a_visit_is_late_from_five_minutes_on(riverside, minutes, hue, flags):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start)
    board = board_of(riverside, now=start + timedelta(minutes=minutes), day=start.date())
    [card] = board["expected"].cards
    assert (card.timer.hue, card.flags) == (hue, flags)


def test_who_comes_early_does_not_wait_too_long_before_the_booked_time(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(
            riverside, start, status=S.CHECKED_IN, checked_in_at=start - timedelta(minutes=50)
        )
    [early] = board_of(riverside, now=start, day=start.date())["waiting"].cards
    assert (early.timer.minutes, early.timer.hue, early.flags) == (50, "", set())
    late = start + timedelta(minutes=30)
    [card] = board_of(riverside, now=late, day=start.date())["waiting"].cards
    assert (card.timer.minutes, card.timer.hue, card.flags) == (80, "vermilion", {"overdue"})


def test_overlapping_visits_of_one_provider_or_one_patient_are_double_booked(riverside):
    start = riverside.at(1, time(10))
    half = timedelta(minutes=30)
    with riverside.active():
        one = make_visit(riverside, start, minutes=60)
        over = make_visit(riverside, start + half, patient=1, overbooked=True, override_reason="!")
        same_patient = make_visit(riverside, start, provider=1)
        make_visit(riverside, start + 2 * half, patient=2)
        day = visits_between(
            riverside.user(Role.FRONT_DESK), start - half, start + 4 * half, now=start
        )
    assert double_booked(day) == {one.pk, over.pk, same_patient.pk}


def test_the_day_is_the_tenants_own(lakeside):
    midnight = datetime(2027, 3, 2, 5, tzinfo=UTC)  # 00:00 in New York
    with lakeside.active():
        make_visit(lakeside, midnight - timedelta(minutes=30), patient=0)
        make_visit(lakeside, midnight, patient=1)
    client = lakeside.client()
    assert "Pat2" in client.get(BOARD, {"day": "2027-03-02"}).text
    assert "Pat1" not in client.get(BOARD, {"day": "2027-03-02"}).text
    assert "Pat1" in client.get(BOARD, {"day": "2027-03-01"}).text


def test_a_provider_sees_only_own_visits(riverside):
    start = riverside.at(0, time(12))
    with riverside.active():
        make_visit(riverside, start, provider=0, patient=0)
        make_visit(riverside, start, provider=1, patient=1)
    shown = riverside.client(Role.PROVIDER).get(BOARD).text
    assert "Pat1" in shown
    assert "Pat2" not in shown
    assert 'name="provider"' not in shown


def test_a_nurse_runs_the_flow_but_does_not_book(riverside):
    with riverside.active():
        visit = make_visit(riverside, riverside.at(0, time(12)))
    shown = riverside.client(Role.NURSE).get(BOARD).text
    assert f"/appointments/{visit.pk}/check_in/" in shown
    assert f"/appointments/{visit.pk}/cancel/" not in shown
    assert "Book a visit" not in shown


def test_chosen_filters_stay(riverside):
    start = riverside.at(0, time(12))
    with riverside.active():
        make_visit(riverside, start, provider=0, patient=0)
        make_visit(riverside, start, provider=1, patient=1)
    client = riverside.client()
    client.get(BOARD, {"filter": "1", "provider": riverside.providers[0].pk})
    later = client.get(COLUMNS).text
    assert "Pat1" in later
    assert "Pat2" not in later
    client.get(BOARD, {"filter": "1"})
    assert "Pat2" in client.get(COLUMNS).text


def test_a_visit_without_a_site_is_never_hidden_by_one(riverside):
    start = riverside.at(0, time(12))
    with riverside.active():
        other = Site.objects.create(name="Annex")
        make_visit(riverside, start, patient=0, site=other)
        make_visit(riverside, start, provider=1, patient=1, site=None)
    client = riverside.client()
    shown = client.get(BOARD, {"filter": "1", "site": riverside.site.pk}).text
    assert "Pat1" not in shown
    assert "Pat2" in shown


@pytest.mark.parametrize("junk", ["x", "9" * 40, "-1", "²", "0"])
def test_a_filter_that_is_no_key_is_ignored(riverside, junk):
    response = riverside.client().get(BOARD, {"filter": "1", "provider": junk, "site": junk})
    assert response.status_code == 200


@pytest.mark.parametrize("day", ["x", "2026-02-30", "9999-12-31", "0001-01-01", "²", "2026-1-1x"])
@pytest.mark.parametrize("path", [BOARD, COLUMNS, "/appointments/calendar/"])
def test_a_day_that_is_none_is_refused(riverside, path, day):
    assert riverside.client().get(path, {"day": day}).status_code == 400


def test_strangers_log_in_and_patients_are_refused(riverside, client):
    assert client.get(BOARD)["Location"].startswith("/accounts/login/")
    assert riverside.client(Role.PATIENT).get(BOARD).status_code == 403
    assert riverside.client(Role.PATIENT).get(COLUMNS).status_code == 403


def test_names_are_escaped_and_never_in_addresses(riverside):
    with riverside.active():
        PatientProfile.objects.filter(pk=riverside.patients[0].pk).update(
            first_name="<script>alert(1)</script>", last_name="O'Neil & ليلى"
        )
        make_visit(riverside, riverside.at(0, time(12)))
    shown = riverside.client().get(BOARD).text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; O&#x27;Neil &amp; ليلى" in shown
    addresses = re.findall(r'(?:href|formaction|hx-get|hx-post)="([^"]*)"', shown)
    assert not any("Neil" in address or "script" in address for address in addresses)


def test_unconfirmed_visits_can_be_singled_out_without_scripts(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start, status=S.PENDING, patient=0)
        make_visit(riverside, start, provider=1, patient=1)
    day = start.astimezone(riverside.tenant.zone_info).date().isoformat()
    shown = riverside.client().get(BOARD, {"day": day, "only": "unconfirmed"}).text
    cards = re.findall(r'<li class="visit[^>]*data-flags="([^"]*)"([^>]*)>', shown)
    assert {(flags, "hidden" in rest) for flags, rest in cards} == {
        ("unconfirmed", False),
        ("", True),
    }


def queries_of(client, path, **query):
    cache.clear()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(path, query).status_code == 200
    return len(seen)


@pytest.mark.parametrize("path", [BOARD, COLUMNS, "/appointments/calendar/"])
def test_the_number_of_queries_does_not_grow(riverside, path):
    client = riverside.client()
    midnight = riverside.at(0, time(0))
    with riverside.active():
        make_visit(riverside, midnight)
    client.get(path)
    few = queries_of(client, path)
    with riverside.active():
        for n in range(1, 31):
            make_visit(riverside, midnight + n * timedelta(minutes=30), patient=n % 3)
    assert queries_of(client, path) == few <= 12


def test_a_long_column_is_drawn_in_part_until_all_is_asked_for(riverside):
    with riverside.active():
        for number in range(HEAD_CARDS + 1):
            start = riverside.at(1, time(8)) + timedelta(minutes=5 * number)
            make_visit(riverside, start, minutes=5)
    day = riverside.at(1, time(8)).date().isoformat()

    def drawn(query):
        page = riverside.client().get(f"{COLUMNS}?day={day}{query}").content.decode()
        return page.count("data-visit"), f"Show all {HEAD_CARDS + 1}" in page

    assert drawn("") == (HEAD_CARDS, True)
    assert drawn("&all=1") == (HEAD_CARDS + 1, False)
    assert drawn("&only=unconfirmed") == (HEAD_CARDS + 1, False)
