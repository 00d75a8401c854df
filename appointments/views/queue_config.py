"""How a queue works: its settings, with a preview that sorts today's line anew before saving."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.permissions import Permission
from appointments.models import WaitingQueue
from appointments.queue.selectors import configuration_of, queue_of
from appointments.queue.settings import QueueSettings, settings_of, warnings_about
from appointments.queue.settings_preview import Preview, preview
from appointments.views.htmx import HtmxRequest, key_of, staff_view, version_of
from appointments.views.queue_config_form import (
    PRESETS,
    WEIGHTS,
    ConfigForm,
    draft_of,
    shown,
    values_of,
)
from core.clock import system_clock
from core.errors import DomainError, StaleVersionError

STALE = "Somebody changed these settings meanwhile. Save again to replace them."
ZERO = "Let at least one of the three count."


@dataclass(frozen=True, slots=True)
class _Page:
    """
    Attributes:
        copied_from: the queue whose settings stand in the form.
        is_changed: whether the form holds what is not saved.
    """

    form: ConfigForm
    version: int
    status: int = 200
    copied_from: str = ""
    is_changed: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_QUEUES)
def queue_config_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    """The pressed button saves, proposes other values, or only shows what they would do."""
    queue = queue_of(request.user, queue_id)
    if request.method != "POST":
        stored = configuration_of(queue)
        return _page(request, queue, _Page(_form(queue), stored.version))
    form, version = _form(queue, request.POST), version_of(request) or 0
    proposed = _proposed(request, queue)
    if proposed is not None:
        values, copied_from = proposed
        shown_form = _form(queue, initial=form.typed() | values)
        return _page(
            request,
            queue,
            _Page(shown_form, version, copied_from=copied_from, is_changed=True),
        )
    return _save(request, queue, form, version)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def config_preview(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    context = {"preview": _preview(request, queue, _form(queue, request.POST)), "zero": ZERO}
    return render(request, "appointments/queue/partials/config_preview.html", context)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def reset_config(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    QueueSettings(queue, by=request.user).reset()
    messages.success(request, f"{queue.name} works as a new queue does")
    return redirect("queue:queue_config", queue.pk)


def _proposed(request: HtmxRequest, queue: WaitingQueue) -> tuple[Mapping[str, Any], str] | None:
    """What a button other than Save puts into the form, and from which queue; None for Save."""
    for each in PRESETS:
        if request.POST.get("preset") == each.key:
            return each.values, ""
    if "copy" in request.POST:
        other = queue_of(request.user, key_of(request.POST.get("copy_from", "")) or queue.pk)
        return shown(settings_of(other, for_queue=queue)), other.name
    return ({}, "") if "preview" in request.POST else None


def _save(
    request: HtmxRequest, queue: WaitingQueue, form: ConfigForm, version: int
) -> HttpResponse:
    if not form.is_valid():
        return _page(request, queue, _Page(form, version, 400, is_changed=True))
    settings = QueueSettings(queue, by=request.user)
    try:
        configuration = settings.change(version=version, **form.changed())
        if "providers" in form.changed_data:
            settings.set_providers(form.cleaned_data["providers"])
    except StaleVersionError as error:
        form.refuse(None, STALE)
        newest = configuration_of(queue).version
        return _page(request, queue, _Page(form, newest, error.http_status, is_changed=True))
    except DomainError as error:
        form.refuse(error.attr, str(error))
        return _page(request, queue, _Page(form, version, error.http_status, is_changed=True))
    messages.success(request, "The settings are saved")
    for warning in warnings_about(queue, configuration):
        messages.warning(request, warning)
    return redirect("queue:queue_config", queue.pk)


def _page(request: HtmxRequest, queue: WaitingQueue, page: _Page) -> HttpResponse:
    others = WaitingQueue.objects.filter(is_active=True).exclude(pk=queue.pk)
    context = {
        "queue": queue,
        "form": page.form,
        "version": page.version,
        "copied_from": page.copied_from,
        "is_changed": page.is_changed,
        "presets": PRESETS,
        "others": others,
        "preview": _preview(request, queue, page.form),
        "zero": ZERO,
    }
    return render(request, "appointments/queue/queue_config.html", context, status=page.status)


def _preview(request: HtmxRequest, queue: WaitingQueue, form: ConfigForm) -> Preview | None:
    """None while nothing counts."""
    bound = form if form.is_bound else _form(queue, form.initial)
    draft = draft_of(bound, configuration_of(queue))
    if not any(getattr(draft, name) for name in WEIGHTS):
        return None
    return preview(queue, draft, now=system_clock(), zone=request.tenant.zone_info)


def _form(
    queue: WaitingQueue, data: Any = None, *, initial: dict[str, Any] | None = None
) -> ConfigForm:
    stored = values_of(queue, configuration_of(queue))
    others = WaitingQueue.objects.filter(is_active=True).exclude(pk=queue.pk)
    return ConfigForm(
        data,
        initial=initial or stored,
        others=[(other.pk, other.name) for other in others],
        providers=list(User.objects.providers().order_by("last_name", "first_name")),
    )
