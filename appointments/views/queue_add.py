"""Adding a patient to a queue: one form, so that it works without scripts."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission, can
from appointments.booking.selectors import day_bounds, shown_providers
from appointments.enums import Priority
from appointments.models import AppointmentRequest, AppointmentTemplate, WaitingQueue
from appointments.permissions import visible_appointments
from appointments.queue.admission import MAY_WAIT
from appointments.queue.console import place_of
from appointments.queue.errors import AlreadyWaitingError, QueueClosedError, VisitNotExpectedError
from appointments.queue.joining import join_shortest
from appointments.queue.queue_engine import SCORES, AdvancedQueueEngine
from appointments.queue.selectors import queue_of
from appointments.scheduling.rules import known_specialties
from appointments.views.forms import NewPatientForm
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view
from appointments.views.patient_choice import chosen_patient
from appointments.views.patient_step import patient_step
from appointments.views.queue_cards import wait_words
from appointments.views.queue_forms import AddForm
from core.clock import system_clock
from core.errors import DomainError, InvalidInputError

PANEL = "queue/partials/add_patient_form.html"


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.RUN_QUEUES)
def add_to_queue_htmx_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    """``?patient=`` fills the form; what cannot be read is left out."""
    queue = queue_of(request.user, queue_id)
    if request.method != "POST":
        initial = {"patient_id": key_of(request.GET.get("patient", "")), "priority": "routine"}
        return _panel(request, queue, initial=initial)
    step = patient_step(request)
    if step is None:
        return _add(request, queue)
    initial = {name: request.POST.get(name, "") for name in AddForm.base_fields}
    initial |= {"patient_id": step.patient_id, "appointment_id": None}
    initial["priority"] = initial["priority"] or Priority.ROUTINE
    return _panel(request, queue, initial=initial, status=step.status, **step.context)


def _add(request: HtmxRequest, queue: WaitingQueue) -> HttpResponse:
    form = _form(request, request.POST)
    if not (form.is_valid() and _may_go_anywhere(request, form)):
        return _panel(request, queue, form=form, status=400)
    stay = form.wishes() | {
        "patient_id": form.cleaned_data["patient_id"],
        "priority_score": SCORES[form.cleaned_data["priority"]],
    }
    try:
        if "shortest" in request.POST:
            specialty = stay.pop("wanted_specialty", "")
            added = join_shortest(
                **stay, specialty=specialty, site_id=queue.site_id, by=request.user
            )
        else:
            # The button of an offered queue names it; else the patient joins this one.
            target = queue_of(request.user, key_of(request.POST.get("instead", "")) or queue.pk)
            added = AdvancedQueueEngine(target, by=request.user).add_to_queue(**stay)
    except (QueueClosedError, AlreadyWaitingError, VisitNotExpectedError, InvalidInputError) as why:
        form.add_error(why.attr if why.attr in form.fields else None, str(why))
        return _panel(request, queue, form=form, status=why.http_status, refusal=_refusal(why))
    place = place_of(added.queue, added.pk, now=system_clock())
    wait = f", {wait_words(place.wait)}" if place and wait_words(place.wait) else ""
    position = f", place {place.position}" if place else ""
    where = f" in {added.queue.name}" if added.queue_id != queue.pk else ""
    return done(
        request,
        f"{added.patient.get_full_name()} has ticket {added.ticket}{where}{position}{wait}",
        undo=reverse("queue:undo", args=[added.pk]),
        link=("Print ticket", reverse("tickets:paper_ticket", args=[added.pk])),
        then=reverse("queue:console", args=[added.queue_id]),
        close=True,
    )


def _may_go_anywhere(request: HtmxRequest, form: AddForm) -> bool:
    """Where the shortest line is asked for; what stands against it is an error of its field."""
    if "shortest" not in request.POST:
        return True
    wishes = form.wishes()
    if "appointment_id" in wishes:
        form.add_error("appointment_id", "The visit waits for its provider, not in any line.")
    elif "wanted_provider_id" in wishes and not wishes["is_flexible"]:
        form.add_error("wanted", "Choose anyone or a specialty: one provider has one line.")
    return form.is_valid()


def _refusal(error: DomainError) -> dict[str, Any]:
    """What can be done about it: queues that would take them, or the stay that goes on."""
    return {
        "alternatives": error.extra.get("alternatives", []),
        "entry_id": error.extra.get("entry_id"),
        "ticket": error.extra.get("ticket"),
    }


def _panel(
    request: HtmxRequest,
    queue: WaitingQueue,
    *,
    form: AddForm | None = None,
    initial: dict[str, Any] | None = None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    if form is None:
        form = _form(request, None, initial=initial)
    context = {
        "queue": queue,
        "form": form,
        "patient": chosen_patient(form["patient_id"].value()),
        "new": NewPatientForm(),
        "is_registering": False,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        "panel_title": "Add to the queue",
        "back_url": reverse("queue:console", args=[queue.pk]),
        "back_label": queue.name,
        **extra,
    }
    return in_panel(request, PANEL, context, status=status)


def _form(request: HtmxRequest, data: Any, *, initial: dict[str, Any] | None = None) -> AddForm:
    given = data if data is not None else initial or {}
    patient = chosen_patient(given.get("patient_id"))
    visits = _todays_visits(request, patient.pk) if patient else []
    if data is None and initial is not None and visits:
        first = visits[0]
        initial = initial | {"appointment_id": first.pk, "priority": Priority(first.priority)}
    return AddForm(
        data,
        initial=initial,
        visits=[(visit.pk, _words(visit)) for visit in visits],
        types=list(AppointmentTemplate.objects.filter(is_active=True)),
        providers=shown_providers(request.user, sees_all=True),
        specialties=sorted(known_specialties()),
    )


def _todays_visits(request: HtmxRequest, patient_id: int) -> list[AppointmentRequest]:
    zone = request.tenant.zone_info
    start, end = day_bounds(system_clock().astimezone(zone).date(), zone)
    return list(
        visible_appointments(request.user)
        .filter(
            patient=patient_id,
            status__in=MAY_WAIT,
            scheduled_datetime__gte=start,
            scheduled_datetime__lt=end,
        )
        .select_related("appointment_type", "provider")
        .order_by("scheduled_datetime")
    )


def _words(visit: AppointmentRequest) -> str:
    time = time_format(localtime(visit.scheduled_datetime))
    return f"{time} · {visit.appointment_type.name} · {visit.provider.get_full_name()}"
