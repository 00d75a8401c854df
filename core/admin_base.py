"""What every administration page of a tenant's records has in common."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst

from core.errors import DomainError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def opening_days_field() -> forms.TypedMultipleChoiceField:
    """Numbers of weekdays, Monday = 0."""
    return forms.TypedMultipleChoiceField(
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked means every day.",
    )


def label_of(record: models.Model) -> str:
    """How a record is named where one is chosen: people by name and key, others by themselves."""
    name = getattr(record, "get_full_name", None)
    if name is None:
        return str(record)
    inactive = "" if getattr(record, "is_active", True) else ", inactive"
    return f"{name()} ({record}{inactive})"


class TenantModelForm(forms.ModelForm):
    """Checks uniqueness within the tenant, although the tenant itself is not in the form."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"tenant"}

    def _update_errors(self, errors: ValidationError) -> None:
        """Blame the field that must differ, not "tenant and name"."""
        by_field = getattr(errors, "error_dict", {})
        rest = []
        for error in by_field.pop(NON_FIELD_ERRORS, []):
            field = (getattr(error, "params", None) or {}).get("unique_check", ("",))[-1]
            if field in self.fields:
                message = f"Another {self._meta.model._meta.verbose_name} has this {field}."
                by_field.setdefault(field, []).append(ValidationError(message, code="unique"))
            else:
                rest.append(error)
        if rest:
            by_field[NON_FIELD_ERRORS] = rest
        super()._update_errors(errors)


class LabelledChoices:
    """Foreign keys offer rows of the tenant only (their managers see to it), named for people.

    ``choice_filters`` narrows a field's choices: field name → filter keywords.
    """

    choice_filters: dict[str, dict[str, Any]] = {}

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        wanted = self.choice_filters.get(db_field.name)
        if wanted:
            target = db_field.remote_field.model
            kwargs.setdefault("queryset", target.objects.filter(**wanted))
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            field.label_from_instance = label_of
        return field


class TenantInline(LabelledChoices, admin.TabularInline):
    """Rows whose choices are read once per request, not once per row."""

    form = TenantModelForm
    extra = 0

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.remote_field.model is self.parent_model:
            return field
        cache = request.__dict__.setdefault("_inline_choices", {})
        if db_field not in cache:
            cache[db_field] = list(iter(field.choices))  # iter: list() alone asks for a count first
        field.choices = cache[db_field]
        return field


class TenantModelAdmin(LabelledChoices, admin.ModelAdmin):
    """Rights come from the permission table; changes go to the audit trail, not to Django's log.

    Attributes:
        see_permission, edit_permission: values of the permission table.
        can_add, can_change, can_delete: what the page offers at all.
    """

    form = TenantModelForm
    see_permission = "use_admin"
    edit_permission = "use_admin"
    can_add = can_change = can_delete = True
    list_per_page = 50
    show_full_result_count = False
    save_on_top = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.see_permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and request.user.has_perm(self.edit_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_change and request.user.has_perm(self.edit_permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and request.user.has_perm(self.edit_permission)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As Django's; what only the database could refuse is a message, with nothing saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        except IntegrityError:
            self.message_user(
                request,
                "The database refused this: it contradicts another record. Nothing was saved.",
                messages.ERROR,
            )
        return HttpResponseRedirect(request.get_full_path())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The record's part of the audit trail."""
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        wanted = urlencode({"table": self.opts.db_table, "q": record.pk})
        return HttpResponseRedirect(f"{reverse('admin:core_auditevent_changelist')}?{wanted}")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What stands in the way is named as such, not as a missing right to delete it too."""
        deletable, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        return deletable, counts, set() if protected else perms_needed, protected

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(f"{capfirst(opts.verbose_name)} not found.")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: triggers write the audit trail."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: triggers write the audit trail."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing: triggers write the audit trail."""


class ReadOnlyAdmin(TenantModelAdmin):
    """Records that only the engines, or nobody, may change."""

    can_add = can_change = can_delete = False
