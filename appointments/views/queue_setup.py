"""Which queues there are: adding one, its name and tickets, retiring it and taking it back."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission
from appointments.models import WaitingQueue
from appointments.queue.errors import NameTakenError, QueueNotEmptyError
from appointments.queue.selectors import queue_of
from appointments.queue.settings import QueueSettings, create_queue, free_prefix
from appointments.scheduling.rules import known_specialties
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view, version_of
from core.errors import DomainError, InvalidInputError, StaleVersionError
from core.models import Site

PANEL = "queue/partials/edit_queue.html"
NAMED = ("name", "prefix", "site_id", "specialty")


class QueueForm(forms.Form):
    name = forms.CharField(max_length=100)
    prefix = forms.RegexField(
        r"^[A-Z]{1,3}$",
        label="Tickets begin with",
        strip=True,
        error_messages={"invalid": "One to three capital letters."},
        widget=forms.TextInput({"autocapitalize": "characters", "maxlength": 3}),
    )
    site_id = forms.TypedChoiceField(label="Site", coerce=int, empty_value=None, required=False)
    specialty = forms.CharField(
        required=False,
        max_length=60,
        help_text="Whoever needs it is sent here; newcomers are sent on to queues of the same.",
        widget=forms.TextInput({"list": "known-specialties"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = Site.objects.filter(is_active=True).values_list("pk", "name")
        self.fields["site_id"].choices = [("", "Any"), *sites]


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_QUEUES)
def add_queue(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _panel(request, QueueForm(initial={"prefix": free_prefix()}))
    form = QueueForm(request.POST)
    if not form.is_valid():
        return _panel(request, form, status=400)
    try:
        made = create_queue(by=request.user, **form.cleaned_data)
    except (InvalidInputError, NameTakenError) as error:
        return _refused(request, form, error)
    settings = reverse("queue:queue_config", args=[made.pk])
    return done(request, f"“{made.name}” takes people now", then=settings, close=True)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_QUEUES)
def edit_queue(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    if request.method != "POST":
        initial = {name: getattr(queue, name) for name in NAMED}
        return _panel(request, QueueForm(initial=initial), queue=queue)
    form = QueueForm(request.POST)
    if not form.is_valid():
        return _panel(request, form, queue=queue, status=400)
    try:
        QueueSettings(queue, by=request.user).rename(
            version=version_of(request), **form.cleaned_data
        )
    except (InvalidInputError, NameTakenError, StaleVersionError) as error:
        return _refused(request, form, error, queue=queue)
    page = reverse("queue:queue_config", args=[queue.pk])
    return done(request, "The queue is saved", then=page, close=True)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def retire_queue(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    try:
        QueueSettings(queue, by=request.user).retire()
    except QueueNotEmptyError as error:
        form = QueueForm(initial={name: getattr(queue, name) for name in NAMED})
        return _panel(request, form, queue=queue, refusal=str(error), status=error.http_status)
    undo = reverse("queue:restore_queue", args=[queue.pk])
    words = f"“{queue.name}” is no longer in use"
    return done(request, words, undo=undo, then=reverse("queue:queues"), close=True)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def restore_queue(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    QueueSettings(queue, by=request.user).restore()
    page = reverse("queue:queue_config", args=[queue.pk])
    return done(request, f"“{queue.name}” is in use again", then=page, close=True)


def _refused(
    request: HtmxRequest,
    form: QueueForm,
    error: DomainError,
    *,
    queue: WaitingQueue | None = None,
) -> HttpResponse:
    form.add_error(error.attr if error.attr in form.fields else None, str(error))
    return _panel(request, form, queue=queue, status=error.http_status)


def _panel(
    request: HtmxRequest,
    form: QueueForm,
    *,
    queue: WaitingQueue | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "queue": queue,
        "refusal": refusal,
        "specialties": sorted(known_specialties()),
        "panel_title": queue.name if queue else "New queue",
        "back_url": reverse("queue:queue_config", args=[queue.pk])
        if queue
        else reverse("queue:queues"),
        "back_label": "Settings" if queue else "Queues",
    }
    return in_panel(request, PANEL, context, status=status)
