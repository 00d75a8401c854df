"""Which service points there are, who serves there, from which queues and what they may take."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import Permission
from appointments.models import AppointmentTemplate, ServicePoint, WaitingQueue
from appointments.queue.errors import ServicePointBusyError
from appointments.queue.points import ServicePointEngine
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view, version_of
from core.errors import DomainError, InvalidInputError, NotFoundError, StaleVersionError
from core.lookups import MAX_KEY
from core.models import Site

PANEL = "queue/partials/edit_point.html"


class PointForm(forms.Form):
    """Named as ``ServicePointEngine.change`` takes them."""

    name = forms.CharField(max_length=60)
    site_id = forms.TypedChoiceField(label="Site", coerce=int, empty_value=None, required=False)
    provider_id = forms.TypedChoiceField(
        label="Who serves there", coerce=int, empty_value=None, required=False
    )
    queue_ids = forms.TypedMultipleChoiceField(
        label="Takes people from",
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose a queue at least."},
    )
    type_ids = forms.TypedMultipleChoiceField(
        label="Only for these visits",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        queues = WaitingQueue.objects.filter(is_active=True).values_list("pk", "name")
        types = AppointmentTemplate.objects.filter(is_active=True).values_list("pk", "name")
        sites = Site.objects.filter(is_active=True).values_list("pk", "name")
        providers = User.objects.providers().order_by("last_name", "first_name")
        self.fields["queue_ids"].choices = list(queues)
        self.fields["type_ids"].choices = list(types)
        self.fields["site_id"].choices = [("", "Any"), *sites]
        self.fields["provider_id"].choices = [
            ("", "Nobody in particular"),
            *((each.pk, each.get_full_name()) for each in providers),
        ]


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def points(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/queue/points.html", {"points": _points()})


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def point_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/queue/partials/point_rows.html", {"points": _points()})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_QUEUES)
def add_point(request: HtmxRequest) -> HttpResponse:
    """``?queue=`` ticks that queue."""
    if request.method != "POST":
        key = key_of(request.GET.get("queue", ""))
        return _panel(request, PointForm(initial={"queue_ids": [key] if key else []}))
    form = PointForm(request.POST)
    if not form.is_valid():
        return _panel(request, form, status=400)
    try:
        made = ServicePointEngine(by=request.user).create(**form.cleaned_data)
    except InvalidInputError as error:
        return _refused(request, form, error)
    return _done(request, f"“{made.name}” is open")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_QUEUES)
def edit_point(request: HtmxRequest, point_id: int) -> HttpResponse:
    point = _point(point_id)
    if request.method != "POST":
        return _panel(request, _form_of(point), point=point)
    form = PointForm(request.POST)
    if not form.is_valid():
        return _panel(request, form, point=point, status=400)
    try:
        ServicePointEngine(by=request.user).change(
            point.pk, version=version_of(request), **form.cleaned_data
        )
    except (InvalidInputError, StaleVersionError) as error:
        return _refused(request, form, error, point=point)
    return _done(request, "The service point is saved")


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def retire_point(request: HtmxRequest, point_id: int) -> HttpResponse:
    point = _point(point_id)
    try:
        ServicePointEngine(by=request.user).change(point.pk, is_active=False)
    except ServicePointBusyError as error:
        return _refused(request, _form_of(point), error, point=point)
    undo = reverse("queue:restore_point", args=[point.pk])
    return _done(request, f"“{point.name}” is no longer in use", undo=undo)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def restore_point(request: HtmxRequest, point_id: int) -> HttpResponse:
    point = _point(point_id)
    ServicePointEngine(by=request.user).change(point.pk, is_active=True)
    return _done(request, f"“{point.name}” is in use again")


def _done(request: HtmxRequest, text: str, *, undo: str = "") -> HttpResponse:
    return done(request, text, undo=undo, then=reverse("queue:points"), close=True)


def _points() -> QuerySet[ServicePoint]:
    points = ServicePoint.objects.select_related("site", "provider")
    return points.prefetch_related("queues", "types").order_by("-is_active", "name")


def _point(key: int) -> ServicePoint:
    found = _points().filter(pk=min(key, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such service point.")
    return found


def _form_of(point: ServicePoint) -> PointForm:
    return PointForm(
        initial={
            "name": point.name,
            "site_id": point.site_id,
            "provider_id": point.provider_id,
            "queue_ids": [queue.pk for queue in point.queues.all()],
            "type_ids": [kind.pk for kind in point.types.all()],
        }
    )


def _refused(
    request: HtmxRequest,
    form: PointForm,
    error: DomainError,
    *,
    point: ServicePoint | None = None,
) -> HttpResponse:
    attr = error.attr if error.attr in form.fields else None
    if form.is_bound:
        form.add_error(attr, str(error))
    refusal = "" if form.is_bound else str(error)
    return _panel(request, form, point=point, refusal=refusal, status=error.http_status)


def _panel(
    request: HtmxRequest,
    form: PointForm,
    *,
    point: ServicePoint | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "point": point,
        "refusal": refusal,
        "panel_title": point.name if point else "New service point",
        "back_url": reverse("queue:points"),
        "back_label": "Service points",
    }
    return in_panel(request, PANEL, context, status=status)
