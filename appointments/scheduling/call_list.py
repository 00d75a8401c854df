"""Whom to call before their visit: the patients most likely to miss one, each named once."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from heapq import nlargest
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from accounts.models import User
from appointments.enums import EXPECTED, ReminderOutcome
from appointments.models import AppointmentRequest, ReminderCall
from appointments.permissions import visible_appointments
from appointments.scheduling.availability import to_utc
from appointments.scheduling.no_show_selectors import Risk, visit_risks
from appointments.scheduling.working_days import next_working_days
from patients.models import PatientProfile

WORKING_DAYS = 3
MOST = 30
REACHED = (ReminderOutcome.CONFIRMED, ReminderOutcome.CANCELLED)


@dataclass(frozen=True, slots=True)
class RiskyVisit:
    """A visit and how likely it is to be missed."""

    visit: AppointmentRequest
    risk: Risk


@dataclass(frozen=True, slots=True)
class Callee:
    """A patient to call about all of the visits, earliest first.

    ``tried`` holds the calls about them that nobody answered, latest first.
    """

    patient: PatientProfile
    visits: list[RiskyVisit]
    tried: list[ReminderCall]

    @property
    def risk(self) -> Risk:
        """Of the visit that is the most likely to be missed."""
        return max((each.risk for each in self.visits), key=lambda risk: risk.probability)


@dataclass(frozen=True, slots=True)
class CallList:
    """Whom to call about visits from ``first`` to ``last``, both days included.

    Attributes:
        callees: the riskiest first; at the end those whom a call did not reach.
        done: the latest call to each patient who was reached, the newest first.
        patients: how many have a visit in these days.
    """

    first: date
    last: date
    callees: list[Callee]
    done: list[ReminderCall]
    patients: int


def call_list(user: User, *, zone: ZoneInfo, now: datetime, most: int = MOST) -> CallList:
    """The ``most`` riskiest patients with a visit in the coming three working days.

    Six queries.  Those among them who were reached stand under ``done`` instead, so that a list
    worked off is empty and does not fill up again.
    """
    today = now.astimezone(zone).date()
    first, last = today + timedelta(days=1), today + timedelta(days=WORKING_DAYS)
    last = max(next_working_days(today, WORKING_DAYS, zone=zone), default=last)
    expected = _expected(user, first, last, zone)
    risks = visit_risks(expected, zone=zone, now=now)
    highest: dict[int, float] = {}
    for risk in risks.values():
        highest[risk.patient_id] = max(highest.get(risk.patient_id, 0.0), risk.probability)
    riskiest = nlargest(most, highest, key=lambda patient_id: highest[patient_id])
    calls = _calls(first)
    callees = _callees(expected.filter(patient_id__in=riskiest), risks, calls, zone)
    callees.sort(key=lambda each: riskiest.index(each.patient.pk))
    waiting = [each for each in callees if not _is_reached(each, calls[each.patient.pk], zone)]
    waiting.sort(key=lambda each: len(each.tried))
    return CallList(
        first=first,
        last=last,
        callees=waiting,
        done=_done(calls, except_for={each.patient.pk for each in waiting}),
        patients=len(highest),
    )


def is_about(call: ReminderCall, visit: AppointmentRequest, zone: ZoneInfo) -> bool:
    """Whether the visit was spoken about: it was booked before the call and lies in its days."""
    day = visit.scheduled_datetime.astimezone(zone).date()
    return (
        call.patient_id == visit.patient_id
        and call.at >= visit.created_at
        and call.visits_until >= day
    )


def _expected(user: User, first: date, last: date, zone: ZoneInfo) -> QuerySet[AppointmentRequest]:
    """Visits of these days that can still be missed."""
    return visible_appointments(user).filter(
        status__in=EXPECTED,
        scheduled_datetime__gte=to_utc(first, time.min, zone),
        scheduled_datetime__lt=to_utc(last + timedelta(days=1), time.min, zone),
    )


def _calls(first: date) -> defaultdict[int, list[ReminderCall]]:
    """By patient, the latest first: those about visits from ``first`` on."""
    found = defaultdict(list)
    rows = ReminderCall.objects.filter(visits_until__gte=first).select_related("patient")
    for call in rows.order_by("-at", "-pk"):
        found[call.patient_id].append(call)
    return found


def _callees(
    visits: QuerySet[AppointmentRequest],
    risks: dict[int, Risk],
    calls: Mapping[int, list[ReminderCall]],
    zone: ZoneInfo,
) -> list[Callee]:
    found = []
    listed = visits.select_related("patient", "provider", "appointment_type")
    in_order = listed.order_by("patient_id", "scheduled_datetime", "pk")
    for patient_id, rows in groupby(in_order, key=lambda row: row.patient_id or 0):
        own = [row for row in rows if row.pk in risks]  # none that was booked meanwhile
        tried = [
            call
            for call in calls.get(patient_id, ())
            if call.outcome == ReminderOutcome.NO_ANSWER
            and any(is_about(call, row, zone) for row in own)
        ]
        risky = [RiskyVisit(row, risks[row.pk]) for row in own]
        patient: Any = own[0].patient  # only holds, which are not expected, may lack one
        found.append(Callee(patient, risky, tried))
    return found


def _is_reached(callee: Callee, calls: list[ReminderCall], zone: ZoneInfo) -> bool:
    """Whether the patient has said of each of the visits that they will come."""
    confirmed = [call for call in calls if call.outcome == ReminderOutcome.CONFIRMED]
    return all(
        any(is_about(call, each.visit, zone) for call in confirmed) for each in callee.visits
    )


def _done(calls: Mapping[int, list[ReminderCall]], *, except_for: set[int]) -> list[ReminderCall]:
    latest = [
        own[0]
        for patient_id, own in calls.items()
        if own and own[0].outcome in REACHED and patient_id not in except_for
    ]
    return sorted(latest, key=lambda call: call.at, reverse=True)
