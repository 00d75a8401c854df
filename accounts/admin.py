"""Administration of people who log in."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import URLField
from django.http import HttpRequest

from accounts.identity import is_login_taken
from accounts.models import ApiToken, ProviderProfile, ProviderSite, User
from accounts.permissions import Role
from core.admin_base import ReadOnlyAdmin, TenantInline, TenantModelAdmin, TenantModelForm


class LoginIsEmail(forms.ModelForm):
    """The e-mail address, lower-cased, is the login."""

    email = forms.EmailField(label="E-mail", max_length=150, help_text="Also the login.")
    role = forms.ChoiceField(choices=Role.choices)

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if email != self.instance.username and is_login_taken(email):
            raise forms.ValidationError("This address is already a login.", code="login_taken")
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "email" in cleaned:
            self.instance.username = cleaned["email"]
        return cleaned


class UserAddForm(LoginIsEmail, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "title", "first_name", "last_name", "role")


class UserEditForm(LoginIsEmail, TenantModelForm):
    class Meta:
        model = User
        fields = ("email", "title", "first_name", "last_name", "role", "is_active")


@admin.register(User)
class UserAdmin(TenantModelAdmin, DjangoUserAdmin):
    """The tenant's users.  They are deactivated, never deleted: their deeds keep their name."""

    form, add_form = UserEditForm, UserAddForm
    see_permission = edit_permission = "manage_users"
    can_delete = False
    list_display = ("email", "last_name", "first_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("last_name", "first_name", "pk")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "title", "first_name", "last_name")}),
        ("Access", {"fields": ("role", "is_active", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "title", "first_name", "last_name", "role")}),
        ("Password", {"fields": ("password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if obj and obj.pk == request.user.pk:
            # Nobody locks themselves out or hands themselves another role.
            return (*self.readonly_fields, "role", "is_active")
        return self.readonly_fields

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.is_provider:
            ProviderProfile.objects.get_or_create(user=obj)


class ProviderSites(TenantInline):
    model = ProviderSite
    verbose_name = "site"


@admin.register(ProviderProfile)
class ProviderProfileAdmin(TenantModelAdmin):
    """Comes with the user of that role, so it is neither added nor deleted here."""

    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    can_add = can_delete = False
    list_display = ("name", "specialties", "languages", "colour")
    list_select_related = ("user",)
    search_fields = ("user__last_name", "user__first_name")
    ordering = ("user__last_name", "user__first_name")
    fields = ("name", "specialties", "languages", "colour", "video_room_url")
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    readonly_fields = ("name",)
    inlines = (ProviderSites,)

    @admin.display(description="provider", ordering="user__last_name")
    def name(self, profile: ProviderProfile) -> str:
        return profile.user.get_full_name()


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are issued by the API and revoked here, by deleting; they cannot be read."""

    see_permission = edit_permission = "manage_users"
    can_delete = True
    list_display = ("user", "created_at", "expires_at")
    list_select_related = ("user",)
    list_filter = ("created_at", "expires_at")
    search_fields = ("user__email",)
    fields = readonly_fields = ("user", "created_at", "expires_at")
    ordering = ("-created_at",)
