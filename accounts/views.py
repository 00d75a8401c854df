"""Login and its neighbours, and a superuser's choice of a hospital."""

from django.contrib import messages
from django.contrib.auth import login, logout, views
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import FormView

from accounts.forms import ForgottenPasswordForm, LoginForm
from accounts.identity import Located, acting_in, locate_user
from accounts.middleware import TENANT_SESSION_KEY
from accounts.passwords import may_ask
from accounts.permissions import Permission, can
from accounts.tasks import mail_password_link_soon
from core.models import AuditEvent, Tenant

GREATEST_KEY = 2**63 - 1


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Everyone's first page."""
    if not request.user.is_authenticated:
        return redirect("accounts:login")
    if request.tenant is None:
        return redirect("accounts:choose_tenant")
    return redirect("/portal/" if can(request.user, Permission.USE_PORTAL) else "/today/")


class LogIn(views.LoginView):
    form_class = LoginForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: LoginForm) -> HttpResponse:
        user = form.get_user()
        # Logging in writes the user's row, which is visible in its own tenant only.
        with acting_in(user.tenant_id, actor_id=user.pk):
            login(self.request, user)
        return redirect(self.get_success_url())


class LogOut(views.LogoutView):
    http_method_names = ["post", "options"]


class ForgottenPassword(FormView):
    """Says the same, after the same work, whoever is asked for."""

    form_class = ForgottenPasswordForm
    template_name = "accounts/password_reset.html"
    success_url = reverse_lazy("accounts:password_reset_done")

    def form_valid(self, form: ForgottenPasswordForm) -> HttpResponse:
        login_name = form.cleaned_data["email"]
        if may_ask(login_name):
            origin = f"{self.request.scheme}://{self.request.get_host()}"
            mail_password_link_soon(login_name, origin=origin)
        return super().form_valid(form)


class ForgottenPasswordDone(views.PasswordResetDoneView):
    template_name = "accounts/password_reset_done.html"


class NewPassword(views.PasswordResetConfirmView):
    """The page behind the mailed link."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("accounts:password_reset_complete")

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: str) -> HttpResponse:
        if request.user.is_authenticated:
            logout(request)
            return redirect(request.path)  # the present request runs in that user's tenant
        located = _user_of_link(kwargs["uidb64"])
        with acting_in(located.tenant_id if located else None):
            return super().dispatch(request, *args, **kwargs)


class NewPasswordDone(views.PasswordResetCompleteView):
    template_name = "accounts/password_reset_complete.html"


def _user_of_link(uidb64: str) -> Located | None:
    try:
        key = int(urlsafe_base64_decode(uidb64))
    except (ValueError, OverflowError):
        return None
    return locate_user(key) if 0 < key <= GREATEST_KEY else None


class ChangePassword(views.PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:password_change_done")

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_superuser and request.tenant:
            # Platform users cannot be seen, so not written, inside a tenant.
            request.session.pop(TENANT_SESSION_KEY, None)
            return redirect(request.path)
        return super().dispatch(request, *args, **kwargs)


@login_required
@require_safe
def password_change_done(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Your password is changed.")
    return redirect("home")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose_tenant(request: HttpRequest) -> HttpResponse:
    """A superuser enters one hospital, or leaves it: inside one, no other can be seen."""
    if not request.user.is_superuser:
        raise PermissionDenied
    if request.method == "POST":
        return _enter(request)
    if request.tenant is not None:
        request.session.pop(TENANT_SESSION_KEY, None)
        return redirect("accounts:choose_tenant")
    tenants = Tenant.objects.filter(is_active=True).order_by("name")
    context = {"tenants": tenants, "next": request.GET.get("next", "")}
    return render(request, "accounts/choose_tenant.html", context)


def _enter(request: HttpRequest) -> HttpResponse:
    request.session.pop(TENANT_SESSION_KEY, None)
    slug = request.POST.get("tenant", "")
    chosen = Tenant.objects.filter(slug=slug, is_active=True).first() if slug else None
    if chosen is None:
        return redirect("accounts:choose_tenant")
    if request.tenant is None:
        with acting_in(chosen.pk, actor_id=request.user.pk):
            AuditEvent.objects.create(
                actor_id=request.user.pk, action="ENTER", table="core_tenant", record_id=chosen.pk
            )
    request.session[TENANT_SESSION_KEY] = chosen.pk
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return redirect(target if safe else "home")
