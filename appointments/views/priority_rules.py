"""Priority rules: the list, and each rule's form in the side panel."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from appointments.models import AppointmentPriorityRule, AppointmentTemplate
from appointments.scheduling import icd10
from appointments.scheduling.rules import (
    PriorityRules,
    RuleNameTakenError,
    known_specialties,
    rule_by_key,
    rules_by_name,
)
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view
from appointments.views.rule_forms import RuleForm, defaults, values_of
from core.errors import InvalidInputError

READ_OR_POST = ["GET", "HEAD", "POST"]
PANEL = "scheduling/partials/rule.html"


@require_safe
@staff_view(Permission.CONFIGURE_SCHEDULING)
def rules(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/scheduling/rules.html", {"rules": _shown()})


@require_safe
@staff_view(Permission.CONFIGURE_SCHEDULING)
def rule_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/scheduling/partials/rule_rows.html", {"rules": _shown()})


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_SCHEDULING)
def add_rule(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _panel(request, _form(initial=defaults()))
    form = _form(request.POST)
    if form.is_valid():
        types = form.cleaned_data["appointment_type_ids"]
        try:
            made = PriorityRules(by=request.user).add(form.values(), type_ids=types)
        except (InvalidInputError, RuleNameTakenError) as error:
            form.refuse(error.attr, str(error))
        else:
            return _done(request, f"“{made.name}” counts from now on")
    return _panel(request, form, status=400)


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_SCHEDULING)
def rule(request: HtmxRequest, rule_id: int) -> HttpResponse:
    found = rule_by_key(rule_id)
    if request.method != "POST":
        return _panel(request, _form(initial=values_of(found), of=found), rule=found)
    form = _form(request.POST, of=found)
    if form.is_valid():
        types = form.cleaned_data["appointment_type_ids"]
        try:
            PriorityRules(by=request.user).change(found.pk, form.values(), type_ids=types)
        except (InvalidInputError, RuleNameTakenError) as error:
            form.refuse(error.attr, str(error))
        else:
            return _done(request, "The rule is saved")
    return _panel(request, form, rule=found, status=400)


@require_POST
@staff_view(Permission.CONFIGURE_SCHEDULING)
def switch_rule(request: HtmxRequest, rule_id: int) -> HttpResponse:
    is_active = request.POST.get("is_active") == "1"
    changed = PriorityRules(by=request.user).change(rule_id, {"is_active": is_active})
    words = "counts again" if is_active else "no longer counts"
    return _done(request, f"“{changed.name}” {words}")


@require_POST
@staff_view(Permission.CONFIGURE_SCHEDULING)
def delete_rule(request: HtmxRequest, rule_id: int) -> HttpResponse:
    PriorityRules(by=request.user).delete(rule_id)
    return _done(request, "The rule is deleted")


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    return done(request, text, then=reverse("scheduling:rules"), close=True)


def _shown() -> list[AppointmentPriorityRule]:
    """The rules with what they are for in words."""
    found = list(rules_by_name())
    for row in found:
        row.type_names = [link.appointment_type.name for link in row.ruletype_set.all()]
        row.codes = [(code, icd10.describe(code)) for code in row.diagnosis_codes]
        row.is_for_all = not (row.type_names or row.specialties or row.codes)
    return found


def _form(
    data: Any = None, *, of: AppointmentPriorityRule | None = None, **kwargs: Any
) -> RuleForm:
    """What a rule is for already can be chosen, whether or not it is in use elsewhere."""
    own = set(of.specialties) if of else set()
    chosen = {link.appointment_type_id for link in of.ruletype_set.all()} if of else set()
    types = [
        kind for kind in AppointmentTemplate.objects.all() if kind.is_active or kind.pk in chosen
    ]
    return RuleForm(data, types=types, specialties=sorted(known_specialties() | own), **kwargs)


def _panel(
    request: HtmxRequest,
    form: RuleForm,
    *,
    rule: AppointmentPriorityRule | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "rule": rule,
        "panel_title": "Priority rule",
        "back_url": reverse("scheduling:rules"),
        "back_label": "Priority rules",
    }
    return in_panel(request, PANEL, context, status=status)
