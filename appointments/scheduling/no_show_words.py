"""The model's features in plain words: what a person at the desk can follow."""

from collections.abc import Callable

from appointments.scheduling.no_show_features import (
    AGE_KNOTS,
    HOURS_OF_DAY,
    LEAD_KNOTS,
    WEEKDAYS,
    Visits,
)

TOPICS = {
    "lead": "lead",
    **{f"lead_{knot}": "lead" for knot in LEAD_KNOTS},
    **{f"age_{knot}": "age" for knot in AGE_KNOTS},
    **dict.fromkeys(("age_same_day", "child_same_day", "age_by_lead", "child_by_lead"), "age"),
    **dict.fromkeys(("past", "past_ahead", "past_same_day", "last_missed"), "past"),
    **dict.fromkeys(("booked_together", "booked_together_same_day"), "together"),
    **dict.fromkeys(("booked_before_8", "booked_8_to_10"), "booked_hour"),
    "reminded": "reminded",
    **{name: "hour" for name, _, _ in HOURS_OF_DAY},
    **dict.fromkeys(WEEKDAYS, "weekday"),
}
"""By feature: what it is about.  Features of one topic count together."""


def say(topic: str, visits: Visits, row: int) -> str:
    """What is the case with the visit, such as "missed 2 of 6 visits"."""
    return WORDS[topic](visits, row)


def _lead(visits: Visits, row: int) -> str:
    days = round(visits.lead_days[row])
    if days < 1:
        return "booked for the same day"
    if days < 14:
        return f"booked {days} days ahead" if days > 1 else "booked a day ahead"
    if days < 63:
        return f"booked {round(days / 7)} weeks ahead"
    return f"booked {round(days / 30.4)} months ahead"


def _past(visits: Visits, row: int) -> str:
    kept, missed = int(visits.kept[row]), int(visits.missed[row])
    if kept + missed == 1:
        return f"{'missed' if missed else 'kept'} the only visit so far"
    if not missed:
        return f"kept all {kept} visits"
    if not kept:
        return f"missed all {missed} visits"
    return f"missed {missed} of {kept + missed} visits"


def _hour(visits: Visits, row: int) -> str:
    hour = visits.hour[row]
    if hour < 12:
        return "early in the morning"
    return "early in the afternoon" if hour < 15 else "late in the day"


WORDS: dict[str, Callable[[Visits, int], str]] = {
    "lead": _lead,
    "past": _past,
    "age": lambda visits, row: f"aged {int(visits.age_years[row])}",
    "together": lambda visits, row: "several visits booked at once",
    "booked_hour": lambda visits, row: "booked in the morning",
    "reminded": lambda visits, row: "has been reminded",
    "hour": _hour,
    "weekday": lambda visits, row: f"on a {WEEKDAYS[int(visits.weekday[row]) - 1].title()}",
}
