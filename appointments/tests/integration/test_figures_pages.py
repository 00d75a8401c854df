"""The figures' pages, files and REST answers."""

import csv
import io
import re
from datetime import date, time, timedelta

import pytest
import tablib
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.permissions import Role
from appointments.enums import AppointmentStatus as S
from appointments.models import SchedulingMetrics, SlotAvailability
from appointments.scheduling import metrics
from appointments.tests.api import api_of, problem
from appointments.tests.integration.test_figures import more_providers
from appointments.tests.visits import make_visit
from core.spreadsheets import safe

pytestmark = pytest.mark.django_db

OVERVIEW = "/appointments/scheduling/analytics/"
DAYS = "/appointments/scheduling/metrics/"
ANALYTICS = "appointments/scheduling/provider-analytics/"
METRICS = "appointments/scheduling-metrics/"
NOT_FOR = [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT]


def today(clinic):
    return clinic.at(0, time(12)).astimezone(clinic.tenant.zone_info).date()


@pytest.fixture
def busy(riverside):
    """Yesterday two hours of ten were booked; one of the three visits was missed."""
    with riverside.active():
        day = today(riverside) - timedelta(days=1)
        SlotAvailability.objects.create(
            provider=riverside.providers[0],
            site=riverside.site,
            date=day,
            start_time=time(8),
            end_time=time(18),
        )
        for hour, status in ((9, S.COMPLETED), (10, S.COMPLETED), (11, S.NO_SHOW)):
            start = riverside.at(-1, time(hour))
            stamps = {}
            if status == S.COMPLETED:
                stamps = {
                    "checked_in_at": start,
                    "started_at": start + timedelta(minutes=10),
                    "completed_at": start + timedelta(minutes=40),
                }
            make_visit(riverside, start, status=status, minutes=60, **stamps)
        metrics.recompute(day, day)
    return riverside


def yesterday(clinic, **more):
    day = today(clinic) - timedelta(days=1)
    return {"start": str(day), "end": str(day), **more}


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize("url", [OVERVIEW, DAYS])
def test_only_managers_see_figures(riverside, url):
    for role in NOT_FOR:
        assert riverside.client(role).get(url).status_code == 403
    page = riverside.client(Role.MANAGER).get(url)
    assert page.status_code == 200
    assert re.search(rf'href="{OVERVIEW}"[^>]* aria-current="page"', page.content.decode())
    assert OVERVIEW not in riverside.client().get("/patients/").content.decode()


def test_the_overview_says_what_happened(busy):
    page = text_of(busy.client(Role.MANAGER).get(OVERVIEW, yesterday(busy)))
    assert "Utilisation 20.0 %" in page
    assert "No-shows 33.3 %" in page
    assert "1 of 3 visits that ended" in page
    assert "Average wait 10 min" in page
    assert "2 completed, 1 missed, 0 cancelled" in page


def test_changes_are_words(busy):
    client = busy.client(Role.MANAGER)
    day = str(today(busy))
    page = text_of(client.get(OVERVIEW, {"start": day, "end": day}))
    assert "Worse: Down 20.0 points from 20.0 %" in page
    assert "compared with the day before" in page


def test_nothing_to_show_says_so(riverside):
    page = text_of(
        riverside.client(Role.MANAGER).get(OVERVIEW, {"start": "2020-01-01", "end": "2020-01-02"})
    )
    assert "Nothing in these days" in page
    page = text_of(
        riverside.client(Role.MANAGER).get(DAYS, {"start": "2020-01-01", "end": "2020-01-02"})
    )
    assert "No figures for these days" in page


def test_the_days_are_the_stored_ones(busy):
    page = text_of(busy.client(Role.MANAGER).get(DAYS, yesterday(busy)))
    assert "8 of 40" in page  # two hours of ten in steps of a quarter
    assert "20.0 % booked" not in page  # that is a title, not text
    assert busy.providers[0].get_full_name() in page


@pytest.mark.parametrize("preset", ["7", "30", "90", "month"])
def test_presets(riverside, preset):
    page = riverside.client(Role.MANAGER).get(OVERVIEW, {"range": preset}).content.decode()
    assert page.count('aria-current="true"') == 1


@pytest.mark.parametrize(
    "query",
    [
        {"start": "2030-13-01"},
        {"start": "2030-01-02", "end": "2030-01-01"},
        {"start": "2029-01-01", "end": "2030-12-31"},
        {"start": "0001-01-01", "end": "0001-01-02"},
        {"range": "12"},
        {"provider": "987654321"},
        {"site": "x"},
        {"type": "-1"},
    ],
)
@pytest.mark.parametrize("export", ["", "csv"])
def test_bad_filters_are_refused(riverside, query, export):
    answer = riverside.client(Role.MANAGER).get(OVERVIEW, {**query, "export": export})
    assert answer.status_code == 400
    assert "field-error" in answer.content.decode() or "range" in query


def test_another_tenants_provider_is_no_choice(riverside, lakeside):
    key = lakeside.providers[0].pk
    answer = riverside.client(Role.MANAGER).get(OVERVIEW, {"provider": key})
    assert answer.status_code == 400
    assert "Lakeside" not in answer.content.decode()


def test_pages_cost_the_same_at_any_size(riverside):
    client = riverside.client(Role.MANAGER)

    def cost(url):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    few = [cost(OVERVIEW), cost(DAYS)]
    with riverside.active():
        more_providers(riverside, 20)
        metrics.recompute(today(riverside), today(riverside))
    assert [cost(OVERVIEW), cost(DAYS)] == few
    assert max(few) <= 24


def test_the_overview_as_csv_and_excel(busy):
    client = busy.client(Role.MANAGER)
    answer = client.get(OVERVIEW, yesterday(busy, export="csv"))
    assert answer["Content-Disposition"].startswith('attachment; filename="figures_20')
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["Providers"]
    assert rows[1][:4] == ["Provider", "Utilisation %", "Visits", "No-shows %"]
    assert rows[2][:4] == ["Provider Riverside", "20.0", "3", "33.3"]
    book = tablib.Databook().load(
        client.get(OVERVIEW, yesterday(busy, export="xlsx")).content, format="xlsx"
    )
    assert [sheet.title for sheet in book.sheets()] == ["Providers", "Types", "Sites", "Days"]
    assert book.sheets()[0][0][:4] == ("Provider Riverside", 20, 3, 33.3)


def test_all_days_are_in_the_file(busy):
    client = busy.client(Role.MANAGER)
    answer = client.get(DAYS, yesterday(busy, export="csv"))
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["provider"], row["booked_minutes"], row["no_shows"]) == (
        "Provider Riverside",
        "120",
        "1",
    )
    assert client.get(DAYS, {"export": "pdf"}).status_code == 400


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_cannot_be_a_formula(busy, text):
    assert safe(text) == f"'{text}"
    with busy.active():
        User.objects.filter(pk=busy.providers[0].pk).update(first_name=text, title="")
    client = busy.client(Role.MANAGER)
    body = client.get(DAYS, yesterday(busy, export="csv")).content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(body, newline=""))
    assert row["provider"].startswith("'")
    book = client.get(DAYS, yesterday(busy, export="xlsx")).content
    (row,) = tablib.Dataset().load(book, format="xlsx").dict
    assert row["provider"].startswith("'")


def test_pages_carry_no_inline_style_or_script(busy):
    client = busy.client(Role.MANAGER)
    for url in (OVERVIEW, DAYS):
        page = client.get(url, yesterday(busy)).content.decode()
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*src=)|\son[a-z]+=", page)


class TestRest:
    def test_a_providers_figures(self, busy):
        key = busy.providers[0].pk
        answer = api_of(busy, Role.MANAGER).get(ANALYTICS, {"provider_id": key, "days": 2})
        shown = answer.json()
        assert answer.status_code == 200
        assert (shown["provider_id"], shown["provider_name"]) == (key, "Provider Riverside")
        last = today(busy)
        first = last - timedelta(days=1)
        assert shown["period"] == {"start": str(first), "end": str(last), "days": 2}
        found = shown["metrics"]
        assert found["utilization_rate"] == pytest.approx(120 / 1200)
        assert found["no_show_rate"] == pytest.approx(1 / 3, abs=1e-4)
        assert (found["average_wait_minutes"], found["overtime_minutes"]) == (10, 0)
        assert found["third_next_available_days"] in (0, 1)
        assert shown["previous"]["metrics"]["utilization_rate"] is None
        assert shown["previous"]["period"]["end"] == str(first - timedelta(days=1))

    def test_thirty_days_where_nothing_is_said(self, riverside):
        key = riverside.providers[0].pk
        shown = api_of(riverside, Role.MANAGER).get(ANALYTICS, {"provider_id": key}).json()
        assert shown["period"]["days"] == 30

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ({}, (400, "required", "provider_id")),
            ({"provider_id": "x"}, (400, "invalid", "provider_id")),
            ({"provider_id": 999999}, (404, "not_found", "provider_id")),
            ({"provider_id": 1, "days": 0}, (400, "min_value", "days")),
            ({"provider_id": 1, "days": -5}, (400, "min_value", "days")),
            ({"provider_id": 1, "days": 10_000}, (400, "max_value", "days")),
            ({"provider_id": 1, "from": 1}, (400, "unknown_parameter", "from")),
        ],
    )
    def test_bad_queries(self, riverside, query, wanted):
        assert problem(api_of(riverside, Role.MANAGER).get(ANALYTICS, query)) == wanted

    def test_who_may(self, riverside, lakeside):
        key = {"provider_id": riverside.providers[0].pk}
        for role in NOT_FOR:
            assert api_of(riverside, role).get(ANALYTICS, key).status_code == 403
            assert api_of(riverside, role).get(METRICS).status_code == 403
        assert api_of(lakeside, Role.MANAGER).get(ANALYTICS, key).status_code == 404
        nurse = {"provider_id": riverside.user(Role.NURSE).pk}
        assert api_of(riverside, Role.MANAGER).get(ANALYTICS, nurse).status_code == 404

    def test_stored_days(self, busy):
        api = api_of(busy, Role.MANAGER)
        with busy.active():
            SchedulingMetrics.objects.create(provider=busy.providers[1], date=date(2020, 1, 1))
        assert api.get(METRICS).json()["count"] == 2
        key = busy.providers[0].pk
        (row,) = api.get(METRICS, {"provider_id": key}).json()["results"]
        assert (row["utilization_rate"], row["booked_minutes"]) == (pytest.approx(0.2), 120)
        assert row["provider_name"] == "Provider Riverside"
        day = row["date"]
        assert api.get(METRICS, {"date_from": day, "date_to": day}).json()["count"] == 1
        assert api.get(METRICS, {"date_to": "2020-01-01"}).json()["count"] == 1
        assert api.get(f"{METRICS}{row['id']}/").json() == row
        assert problem(api.get(METRICS, {"date_from": "soon"}))[2] == "date_from"
