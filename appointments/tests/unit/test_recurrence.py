"""Recurrence rules, against libical's own expectations and against the clocks."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from hypothesis import assume, given
from hypothesis import strategies as st

from appointments.scheduling.availability import exists_on_clock
from appointments.scheduling.recurrence import (
    MAX_VISITS,
    RecurrenceError,
    expand,
    occurrences,
    parse,
)

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
ORACLE = Path(settings.BASE_DIR).parent / "shared/data/ical/libical_icalrecur_test.txt"
OURS = re.compile(r"FREQ=(DAILY|WEEKLY|MONTHLY)(;(COUNT|UNTIL|INTERVAL|BYDAY|WKST)=[^;]+)*;?")


def oracle_cases():
    """Rule, first instant and instances of those of libical's tests whose parts we know."""
    if not ORACLE.exists():
        return
    for block in ORACLE.read_text().split("\n\n"):
        lines = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
        wanted = {"RRULE", "DTSTART", "INSTANCES"}
        if wanted <= set(lines) and OURS.fullmatch(lines["RRULE"]) and "T" in lines["DTSTART"]:
            yield lines["RRULE"], lines["DTSTART"], lines["INSTANCES"].split(",")


@pytest.mark.oracle
def test_expansion_is_libicals():
    if not ORACLE.exists():
        pytest.skip("libical's expectations are not here")
    checked = 0
    for text, first, instances in oracle_cases():
        wanted = [datetime.fromisoformat(each) for each in instances]
        if len(wanted) > MAX_VISITS:
            with pytest.raises(RecurrenceError):
                expand(parse(text, UTC), datetime.fromisoformat(first))
            continue
        assert expand(parse(text, UTC), datetime.fromisoformat(first)) == wanted, text
        checked += 1
    assert checked >= 15


def walls(text, first, zone):
    start = datetime.fromisoformat(first).replace(tzinfo=zone)
    return [f"{each.astimezone(zone):%m-%d %H:%M %z}" for each in occurrences(text, start, zone)]


def test_ten_o_clock_stays_ten_o_clock():
    assert walls("FREQ=WEEKLY;COUNT=3", "2027-03-21T10:00", BERLIN) == [
        "03-21 10:00 +0100",
        "03-28 10:00 +0200",
        "04-04 10:00 +0200",
    ]
    assert walls("FREQ=WEEKLY;COUNT=2", "2027-10-31T10:00", NEW_YORK) == [
        "10-31 10:00 -0400",
        "11-07 10:00 -0500",
    ]


def test_a_skipped_hour_is_named():
    start = datetime(2027, 3, 27, 2, 30, tzinfo=BERLIN)
    with pytest.raises(RecurrenceError, match="28 March 2027: 02:30") as refusal:
        occurrences("FREQ=DAILY;COUNT=3", start, BERLIN)
    assert refusal.value.code == "nonexistent_time"


def test_a_repeated_hour_has_one_visit_in_its_first_pass():
    start = datetime(2027, 10, 30, 2, 30, tzinfo=BERLIN)
    found = occurrences("FREQ=DAILY;COUNT=3", start, BERLIN)
    assert [each - found[0] for each in found] == [
        timedelta(0),
        timedelta(hours=24),
        timedelta(hours=49),
    ]


def test_the_second_pass_can_be_the_first_visit():
    start = datetime(2027, 10, 31, 2, 30, tzinfo=BERLIN, fold=1)
    found = occurrences("FREQ=DAILY;COUNT=2", start, BERLIN)
    assert found[0] == start.astimezone(UTC)


def test_until_is_included_on_the_wall_clock():
    day = walls("FREQ=DAILY;UNTIL=20270322", "2027-03-20T10:00", BERLIN)
    assert len(day) == 3
    assert len(walls("FREQ=DAILY;UNTIL=20270322T090000Z", "2027-03-20T10:00", BERLIN)) == 3
    assert len(walls("FREQ=DAILY;UNTIL=20270322T085959Z", "2027-03-20T10:00", BERLIN)) == 2


def test_the_31st_is_left_out_where_there_is_none():
    found = walls("FREQ=MONTHLY;COUNT=3", "2027-01-31T10:00", BERLIN)
    assert [each[:5] for each in found] == ["01-31", "03-31", "05-31"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid"),
        ("WEEKLY", "invalid"),
        ("FREQ=", "invalid"),
        ("FREQ=YEARLY;COUNT=3", "invalid"),
        ("FREQ=WEEKLY", "invalid"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20300101", "invalid"),
        ("FREQ=WEEKLY;COUNT=3;COUNT=4", "invalid"),
        ("FREQ=WEEKLY;COUNT=0", "out_of_range"),
        ("FREQ=WEEKLY;COUNT=53", "out_of_range"),
        ("FREQ=WEEKLY;COUNT=-3", "out_of_range"),
        ("FREQ=WEEKLY;COUNT=٣", "out_of_range"),
        ("FREQ=WEEKLY;COUNT=3;INTERVAL=0", "out_of_range"),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=2MO", "invalid"),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=6MO", "invalid"),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=0MO", "invalid"),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=XX", "invalid"),
        ("FREQ=WEEKLY;COUNT=3;WKST=1", "invalid"),
        ("FREQ=WEEKLY;UNTIL=20301301", "invalid"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", "invalid"),
        ("FREQ=WEEKLY;COUNT=3;BYSETPOS=1", "unknown_field"),
        ("FREQ=WEEKLY;COUNT=1", "min_length"),
        ("FREQ=DAILY;UNTIL=20291231T235959Z", "max_length"),
        ("FREQ=WEEKLY;UNTIL=20200101", "not_first"),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=TU", "not_first"),
        ("FREQ=WEEKLY;COUNT=3;" + "X" * 300, "invalid"),
    ],
)
def test_a_bad_rule_says_what_is_wrong(text, code):
    monday = datetime(2027, 3, 22, 10, tzinfo=BERLIN)
    with pytest.raises(RecurrenceError) as refusal:
        occurrences(text, monday, BERLIN)
    assert refusal.value.code == code
    assert str(refusal.value)


@given(
    day=st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    minutes=st.integers(0, 24 * 60 - 1),
    frequency=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 6),
    count=st.integers(2, MAX_VISITS),
)
def test_every_visit_keeps_the_wall_clock(day, minutes, frequency, interval, count):
    at = time(minutes // 60, minutes % 60)
    assume(exists_on_clock(day, at, BERLIN))
    start = datetime.combine(day, at, tzinfo=BERLIN)
    rule = f"FREQ={frequency};INTERVAL={interval};COUNT={count}"
    in_gap = not all(
        exists_on_clock(wall.date(), at, BERLIN)
        for wall in expand(parse(rule, BERLIN), start.replace(tzinfo=None))
    )
    if in_gap:
        with pytest.raises(RecurrenceError, match="does not exist"):
            occurrences(rule, start, BERLIN)
        return
    found = occurrences(rule, start, BERLIN)
    assert len(found) == count
    assert found == sorted(set(found))
    assert {each.astimezone(BERLIN).time() for each in found} == {at}
