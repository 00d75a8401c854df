"""Finding a time: the wish on the left, ranked slots on the right."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST

from accounts.permissions import Permission, can
from appointments.booking.holds import own_hold
from appointments.enums import Priority, WaitingListStatus
from appointments.models import WaitingList
from appointments.scheduling.nothing_free import why_nothing
from appointments.scheduling.smart_scheduler import SearchResult, SmartScheduler
from appointments.scheduling.weights import current_weights
from appointments.scheduling.wishes import DEFAULT_RESULTS, MAX_RESULTS, Wish
from appointments.views.forms import NewPatientForm
from appointments.views.htmx import HtmxRequest, key_of, staff_view
from appointments.views.patient_choice import chosen_patient
from appointments.views.patient_step import PatientStep, patient_step
from appointments.views.scheduling_cards import cards_of, day_map, map_days
from appointments.views.scheduling_empty import later_dates, widened
from appointments.views.series_cards import series_cards
from appointments.views.wish_fields import When
from appointments.views.wish_form import Catalogue, WishForm
from appointments.waitlist.selectors import days_waiting
from core.clock import system_clock
from core.errors import InvalidInputError

PAGE = "appointments/scheduling/smart_scheduling.html"
RESULTS = "appointments/scheduling/partials/optimal_slots.html"
USUAL_SERIES = 6  # visits, until somebody says otherwise
FIRST_STEPS = 30  # up to here ten more at a time, then twenty
WIDER = {"who": ("specialty", "provider_ids"), "times": ("parts", "time_from", "time_to")}
WIDER |= {"weekdays": ("weekdays",), "site": ("site_id",)}


@method_decorator(staff_view(Permission.BOOK), name="dispatch")
class SmartSchedulingView(View):
    """``?patient=&type=&provider=`` or ``?waiting=``, an entry of the waitlist, start the wish;
    what cannot be read is left out."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HtmxRequest) -> HttpResponse:
        data, catalogue = QueryDict(mutable=True), Catalogue.of(request.user)
        known = {
            "patient_id": chosen_patient(request.GET.get("patient")),
            "appointment_type_id": _named(catalogue.types, request.GET.get("type", "")),
            "provider_ids": _named(catalogue.providers, request.GET.get("provider", "")),
        }
        if len(catalogue.types) == 1:
            known["appointment_type_id"] = catalogue.types[0]
        data.update({"when": When.WEEKS, "priority": Priority.ROUTINE, "modality": ""})
        data["repeat_count"] = str(USUAL_SERIES)
        data.update({name: str(each.pk) for name, each in known.items() if each is not None})
        entry = waiting_entry(key_of(request.GET.get("waiting", "")))
        if entry is not None:
            for name, value in _wish_of(entry).items():
                data[name] = value
        return answer(request, _form_of(data, catalogue))


@require_POST
@staff_view(Permission.BOOK)
def find_optimal_slots_view(request: HtmxRequest) -> HttpResponse:
    """The pressed button may choose the patient, relax the wish or turn a page first."""
    step, data = patient_step(request), request.POST.copy()
    if step is not None:
        data["patient_id"] = str(step.patient_id or "")
    catalogue = Catalogue.of(request.user)
    wider = request.POST.get("widen", "")
    if wider:
        _widen(data, wider, WishForm(data, catalogue=catalogue), request)
    form = _form_of(data, catalogue, is_asked="search" in request.POST)
    return answer(request, form, step=step, has_new_wish=bool(wider))


def answer(
    request: HtmxRequest,
    form: WishForm,
    *,
    step: PatientStep | None = None,
    has_new_wish: bool = False,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """The page; under htmx only the results, and what else of the page has changed."""
    now = system_clock()
    context = wish_context(request, form, step) | results(request, form, now=now)
    if form.errors and status == 200:
        status = 400
    if step is not None and status == 200:
        status = step.status
    context |= {"has_new_wish": has_new_wish, "has_new_patient": step is not None, **extra}
    if request.htmx:
        return render(request, RESULTS, context, status=status)
    context |= {
        "held": own_hold(request.user, now=now),
        "now": now,
        "can_configure": can(request.user, Permission.CONFIGURE_SCHEDULING),
    }
    return render(request, PAGE, context, status=status)


def wish_context(request: HtmxRequest, form: WishForm, step: PatientStep | None) -> dict[str, Any]:
    """What the wish's own half of the page shows."""
    return {
        "form": form,
        "patient": chosen_patient(form["patient_id"].value()),
        "waiting": waiting_entry(key_of(str(form["waiting_id"].value() or ""))),
        "new": NewPatientForm(),
        "is_registering": False,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        **(step.context if step else {}),
    }


def results(request: HtmxRequest, form: WishForm, *, now: datetime) -> dict[str, Any]:
    """What is free, or why nothing is."""
    if not form.is_bound:
        return {"is_waiting": True}
    wish = form.wish(request.tenant, now)
    if wish is None:
        return {"is_refused": True}
    entry = waiting_entry(form.cleaned_data["waiting_id"])
    if entry and (entry.patient_id, entry.appointment_type_id) == (wish.patient_id, form.kind.pk):
        zone = request.tenant.zone_info
        wish = replace(wish, waited_days=days_waiting(entry, now=now, zone=zone))
    if form.rrule:
        return _series(request, form, wish)
    today = now.astimezone(request.tenant.zone_info).date()
    last = today + timedelta(days=wish.appointment_type.max_lead_days)
    day, turned_to = form.place["day"], form.place["map_from"]
    day = day if day is not None and today <= day <= last else None
    scheduler = SmartScheduler(request.tenant)
    narrowed = wish if day is None else replace(wish, dates=(day,))
    first = turned_to if turned_to and today <= turned_to <= last else day or wish.dates[0]
    found, days = scheduler.search_with_days(narrowed, map_days(first, today=today, last=last))
    shown = {
        "wish": wish,
        "day": day,
        "cards": cards_of(found.slots, narrowed, current_weights()),
        "free": found.free,
        "days_free": sum(1 for each in found.days if each.free),
        "demand": found.demand,
        "can_wait": _can_wait(request, form),
        "more": _more(found, narrowed),
        "map": day_map(
            days,
            first=first,
            today=today,
            last=last,
            wished=wish.dates,
            chosen=day,
        ),
    }
    if not found.free:
        local = now.astimezone(request.tenant.zone_info)
        shown["why_nothing"] = why_nothing(narrowed, found.demand, now=local)
        shown["wider"] = [] if day else widened(scheduler, wish)
    return shown


def _series(request: HtmxRequest, form: WishForm, wish: Wish) -> dict[str, Any]:
    try:
        plans = SmartScheduler(request.tenant).find_series(wish, form.rrule)
    except InvalidInputError as error:
        form.refuse(error)
        return {"is_refused": True}
    return {
        "is_series": True,
        "series": series_cards(plans, wish, form.rrule),
        "can_wait": _can_wait(request, form),
    }


def _can_wait(request: HtmxRequest, form: WishForm) -> bool:
    """Whether the wish can go on the waitlist, from which it did not come."""
    is_waiting = bool(form.cleaned_data["waiting_id"])
    return not is_waiting and can(request.user, Permission.EDIT_WAITLIST)


def waiting_entry(entry_id: int | None) -> WaitingList | None:
    """The entry of the waitlist while its patient waits."""
    waiting = WaitingList.objects.filter(pk=entry_id, status=WaitingListStatus.ACTIVE)
    return waiting.select_related("patient").first() if entry_id else None


def _wish_of(entry: WaitingList) -> dict[str, str]:
    wish = {
        "waiting_id": entry.pk,
        "patient_id": entry.patient_id,
        "appointment_type_id": entry.appointment_type_id,
        "provider_ids": entry.preferred_provider_id,
        "priority": entry.priority,
        "diagnosis_codes": ", ".join(entry.diagnosis_codes),
    }
    return {name: str(value) for name, value in wish.items() if value}


def _form_of(data: QueryDict, catalogue: Catalogue, *, is_asked: bool = False) -> WishForm:
    """What was sent; while no type is chosen, and nobody asked for times, no fault is found."""
    if is_asked or data.get("appointment_type_id"):
        return WishForm(data, catalogue=catalogue)
    fields = WishForm.base_fields
    typed = {
        name: data.getlist(name) if isinstance(field, forms.MultipleChoiceField) else data[name]
        for name, field in fields.items()
        if name in data
    }
    return WishForm(initial=typed, catalogue=catalogue)


def _more(found: SearchResult, wish: Wish) -> int | None:
    """How many to show next; None if all are shown."""
    count = len(found.slots)
    if count >= min(found.free, MAX_RESULTS):
        return None
    step = DEFAULT_RESULTS if wish.max_results < FIRST_STEPS else 2 * DEFAULT_RESULTS
    return min(count + step, MAX_RESULTS)


def _widen(data: QueryDict, way: str, form: WishForm, request: HtmxRequest) -> None:
    """Take out of the form's data what made it too narrow."""
    for name in WIDER.get(way, ()):
        data.pop(name, None)
    if way != "later":
        return
    wish = form.wish(request.tenant, system_clock())
    if wish is not None:
        days: tuple[date, ...] = later_dates(wish)
        data["when"] = When.DATES
        data["date_from"], data["date_to"] = days[0].isoformat(), days[-1].isoformat()


def _named(rows: list[Any], text: str) -> Any:
    key = key_of(text)
    return next((each for each in rows if each.pk == key), None)
