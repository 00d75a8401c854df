"""Rooms and devices: the list, and each one's form in the side panel."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from appointments.models import Resource
from appointments.scheduling.catalogue import Catalogue, NameTakenError
from appointments.scheduling.resource_list import (
    coming_visits,
    known_kinds,
    resource_by_key,
    resource_list,
)
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view
from appointments.views.resource_forms import ResourceForm, values_of
from core.clock import system_clock
from core.errors import InvalidInputError
from core.models import Site

READ_OR_POST = ["GET", "HEAD", "POST"]
PANEL = "scheduling/partials/resource.html"
ROWS = "appointments/scheduling/partials/resource_rows.html"


@require_safe
@staff_view(Permission.EDIT_CATALOGUE)
def resources(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/scheduling/resources.html", _shown())


@require_safe
@staff_view(Permission.EDIT_CATALOGUE)
def resource_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, ROWS, _shown())


@require_http_methods(READ_OR_POST)
@staff_view(Permission.EDIT_CATALOGUE)
def add_resource(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        kind = request.GET.get("kind", "")[:60]
        return _panel(request, _form(initial={"kind": kind, "is_active": True}))
    return _save(request, _form(request.POST), Resource())


@require_http_methods(READ_OR_POST)
@staff_view(Permission.EDIT_CATALOGUE)
def resource(request: HtmxRequest, resource_id: int) -> HttpResponse:
    found = resource_by_key(resource_id)
    if request.method != "POST":
        return _panel(request, _form(initial=values_of(found), of=found), resource=found)
    return _save(request, _form(request.POST, of=found), found)


@require_POST
@staff_view(Permission.EDIT_CATALOGUE)
def switch_resource(request: HtmxRequest, resource_id: int) -> HttpResponse:
    found, is_active = resource_by_key(resource_id), request.POST.get("is_active") == "1"
    changed = Catalogue(by=request.user).save_resource(found, {"is_active": is_active})
    return _done(request, changed, "can be booked again" if is_active else "is off")


def _save(request: HtmxRequest, form: ResourceForm, of: Resource) -> HttpResponse:
    before = Resource(pk=of.pk, name=of.name) if of.pk else None
    if form.is_valid():
        try:
            saved = Catalogue(by=request.user).save_resource(of, form.cleaned_data)
        except (InvalidInputError, NameTakenError) as error:
            form.refuse(error.attr, str(error))
        else:
            return _done(request, saved, "is saved" if saved.is_active else "is off")
    return _panel(request, form, resource=before, status=400)


def _done(request: HtmxRequest, changed: Resource, words: str) -> HttpResponse:
    """What is switched off stays with the visits that have it: how many, if any."""
    text = f"“{changed.name}” {words}"
    kept = coming_visits(system_clock()).get(changed.pk, 0) if not changed.is_active else 0
    if kept:
        text += f"; {kept} visit{'s' if kept > 1 else ''} to come keep{'s' if kept == 1 else ''} it"
    return done(request, text, then=reverse("scheduling:resources"), close=True)


def _shown() -> dict[str, Any]:
    found = resource_list(now=system_clock())
    return {"rows": found.rows, "missing": found.missing}


def _form(data: Any = None, *, of: Resource | None = None, **kwargs: Any) -> ResourceForm:
    """The site where it stands already can be chosen, whether or not it is open."""
    sites = [
        site for site in Site.objects.all() if site.is_active or (of and site.pk == of.site_id)
    ]
    return ResourceForm(data, sites=sites, **kwargs)


def _panel(
    request: HtmxRequest,
    form: ResourceForm,
    *,
    resource: Resource | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "resource": resource,
        "kinds": known_kinds(),
        "panel_title": "Room or device",
        "back_url": reverse("scheduling:resources"),
        "back_label": "Rooms and devices",
    }
    return in_panel(request, PANEL, context, status=status)
