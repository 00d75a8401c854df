"""Hours and their figures: equal to counting minute by minute, whatever was done and undone."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.queue.hourly import HourFigures, figures, hours_between
from appointments.queue.stays import MINUTE, Step, instant, stay_of

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
DAYS = {
    "plain": (date(2026, 3, 27), BERLIN, 24),
    "a skipped hour": (date(2026, 3, 29), BERLIN, 23),
    "a repeated hour": (date(2026, 10, 25), BERLIN, 24),
    "a skipped hour in New York": (date(2026, 3, 8), NEW_YORK, 23),
    "half an hour skipped": (date(2026, 10, 4), ZoneInfo("Australia/Lord_Howe"), 24),
    "half an hour repeated": (date(2026, 4, 5), ZoneInfo("Australia/Lord_Howe"), 24),
    "midnight skipped": (date(2026, 4, 24), ZoneInfo("Africa/Cairo"), 23),
    "midnight repeated": (date(2026, 10, 29), ZoneInfo("Africa/Cairo"), 24),
    "repeated from a minute past midnight": (date(2010, 11, 6), ZoneInfo("America/St_Johns"), 24),
}
NEXT = {
    "": ["join"],
    "WAITING": ["call", "skip", "hold", "leave", "no_show", "transfer", "change"],
    "SKIPPED": ["return", "leave"],
    "ON_HOLD": ["return", "call"],
    "CALLED": ["start", "start", "recall", "skip", "no_show"],
    "IN_PROGRESS": ["complete", "complete", "transfer"],
}
LEADS_TO = {
    "join": "WAITING",
    "call": "CALLED",
    "start": "IN_PROGRESS",
    "complete": "COMPLETED",
    "no_show": "NO_SHOW",
    "skip": "SKIPPED",
    "hold": "ON_HOLD",
    "return": "WAITING",
    "leave": "LEFT",
    "transfer": "TRANSFERRED",
}
STAMPS = {
    "join": "joined",
    "start": "began",
    "complete": "completed",
    "no_show": "no_show",
    "leave": "left",
}


@pytest.mark.parametrize(("day", "zone", "count"), DAYS.values(), ids=DAYS)
def test_the_hours_of_a_day_are_all_the_minutes_that_the_clock_shows_it(day, zone, count):
    noon = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)
    shown = defaultdict(set)
    for minute in range(-36 * 60, 36 * 60):
        at = noon + timedelta(minutes=minute)
        if at.astimezone(zone).date() == day:
            shown[at.astimezone(zone).hour].add(instant(at))
    hours = hours_between(day, day, zone)
    assert len(hours) == count
    found = {
        each.hour: {at for since, until in each.spans for at in range(since, until, MINUTE)}
        for each in hours
    }
    assert found == shown


def test_days_follow_one_another_without_a_gap_through_a_whole_year():
    for zone in (BERLIN, NEW_YORK):
        hours = hours_between(date(2026, 1, 1), date(2026, 12, 31), zone)
        spans = [span for each in hours for span in each.spans]
        assert len(hours) == 365 * 24 - 1
        assert all(one[1] == after[0] for one, after in pairwise(spans))
        assert spans[-1][1] - spans[0][0] == 365 * 24 * 60 * MINUTE


class Person:
    """Keeps whole copies of itself to go back to, as nothing in the product does."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.now: dict = {"status": ""}
        self.before: dict | None = None

    def take(self, step: str, at: int) -> None:
        if step == "undo":
            self.now, self.before = dict(self.before), None
            if self.now["status"] == "":
                self.now["status"] = "LEFT"
        else:
            self.before = dict(self.now)
            self._change(step, at)
        self.steps.append(Step(step, self.now["status"], at))

    def _change(self, step: str, at: int) -> None:
        self.now["status"] = LEADS_TO.get(step, self.now["status"])
        if self.now["status"] in ("WAITING", "SKIPPED", "ON_HOLD"):
            self.now["called"] = None
        if step == "call":
            self.now["called"] = at
        if step in STAMPS:
            self.now[STAMPS[step]] = at


@st.composite
def histories(draw):
    """People whose steps are minutes apart, near and across the clock's changes."""
    day, zone, _ = DAYS[draw(st.sampled_from(sorted(DAYS)))]
    start = instant(datetime.combine(day, datetime.min.time(), tzinfo=zone)) - 90 * MINUTE
    people = []
    for _ in range(draw(st.integers(0, 6))):
        person = Person()
        at = start + draw(st.integers(0, 420)) * MINUTE
        for _ in range(draw(st.integers(1, 9))):
            can = list(NEXT.get(person.now["status"], []))
            if person.before is not None and person.steps[-1].step != "undo":
                can.append("undo")
            if not can:
                break
            person.take(draw(st.sampled_from(can)), at)
            at += draw(st.integers(0, 50)) * MINUTE
        people.append(person)
    return day, zone, people, start + draw(st.integers(60, 900)) * MINUTE


def by_the_minute(person: Person, minute: int) -> bool:
    """Whether the person stood in the line during that minute."""
    status = ""
    for step in person.steps:
        if step.at <= minute:
            status = step.to_status
    return status == "WAITING"


def counted(day, zone, people, until, standing):
    """By hour, minute by minute."""
    midnight = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
    minutes = defaultdict(list)
    for number in range(-36 * 60, 72 * 60):
        at = midnight + timedelta(minutes=number)
        if at.astimezone(zone).date() == day and instant(at) < until:
            minutes[at.astimezone(zone).hour].append(instant(at))
    for hour, shown in minutes.items():
        sizes = [standing + sum(by_the_minute(p, at) for p in people) for at in shown]
        happened = {
            name: [p.now for p in people if p.now.get(name) in shown] for name in STAMPS.values()
        }
        waits = [now["called"] - now["joined"] for now in happened["began"]]
        visits = [now["completed"] - now["began"] for now in happened["completed"]]
        yield HourFigures(
            day,
            hour,
            total_entries=len(happened["joined"]),
            served_entries=len(waits),
            completed_entries=len(visits),
            no_shows=len(happened["no_show"]),
            left_entries=len(happened["left"]),
            average_wait_time_minutes=sum(waits) / len(waits) / MINUTE if waits else None,
            max_wait_time_minutes=max(waits) / MINUTE if waits else None,
            average_service_time_minutes=sum(visits) / len(visits) / MINUTE if visits else None,
            peak_queue_size=max(sizes),
            average_queue_size=sum(sizes) / len(sizes),
        )


@given(histories(), st.integers(0, 2))
def test_figures_are_what_counting_minute_by_minute_gives(history, standing):
    day, zone, people, until = history
    stays = [stay_of(person.steps) for person in people]
    found = figures(stays, hours_between(day, day, zone), standing=standing, until=until)
    expected = {each.hour: each for each in counted(day, zone, people, until, standing)}
    assert {each.hour: each for each in found} == expected


@given(histories())
def test_an_hour_has_the_same_figures_in_whichever_range_it_is_computed(history):
    day, zone, people, until = history
    stays = [stay_of(person.steps) for person in people]
    week = hours_between(day - timedelta(days=3), day + timedelta(days=3), zone)
    whole = {(each.date, each.hour): each for each in figures(stays, week, until=until)}
    for hour in hours_between(day, day, zone):
        alone = figures(stays, [hour], until=until)
        assert alone == [whole[each.date, each.hour] for each in alone]


def steps(*pairs) -> list[Step]:
    return [Step(step, LEADS_TO.get(step, "CALLED"), minute * MINUTE) for step, minute in pairs]


def test_the_wait_ends_with_the_call_that_led_to_the_visit():
    called_twice = stay_of(
        steps(("join", 0), ("call", 5), ("skip", 6), ("return", 9), ("call", 20), ("start", 22))
    )
    called_again = stay_of(steps(("join", 0), ("call", 5), ("recall", 9), ("start", 11)))
    assert called_twice.wait == 20 * MINUTE
    assert called_twice.was_away
    assert called_again.wait == 5 * MINUTE


def test_a_forgotten_click_is_counted_but_in_no_average():
    stay = stay_of(steps(("join", 0), ("call", 721), ("start", 722), ("complete", 1500)))
    assert (stay.wait, stay.service) == (None, None)
    hours = hours_between(date(1970, 1, 1), date(1970, 1, 2), ZoneInfo("UTC"))
    found = figures([stay], hours, until=48 * 60 * MINUTE)
    begun = [each for each in found if each.served_entries]
    assert [(each.hour, each.average_wait_time_minutes) for each in begun] == [(12, None)]


def test_whoever_was_taken_back_was_never_sent():
    stay = stay_of([Step("join", "WAITING", 0), Step("taken_back", "LEFT", 5 * MINUTE)])
    assert (stay.joined_at, stay.ending) == (None, "")
    assert stay.waits == ((0, 5 * MINUTE),)


def test_a_clock_that_went_back_does_not_turn_a_wait_around():
    stay = stay_of([Step("join", "WAITING", 9 * MINUTE), Step("call", "CALLED", 8 * MINUTE)])
    assert stay.waits == ((9 * MINUTE, 9 * MINUTE),)
