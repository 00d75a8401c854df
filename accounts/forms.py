"""Login and the forgotten password."""

from collections.abc import Iterator

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.core.cache import cache

from accounts.backends import load_user
from accounts.identity import locate_login
from accounts.models import User

MAILS_PER_HOUR = 3


class LoginForm(AuthenticationForm):
    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "That e-mail and password do not fit together. Check both and try again.",
    }

    username = forms.CharField(
        label="E-mail",
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "inputmode": "email",
                "autofocus": True,
            }
        ),
    )
    password = forms.CharField(
        label="Password",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ForgottenPasswordForm(PasswordResetForm):
    """Mails a link to the user of that login, whichever tenant's; silent where there is none."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def get_users(self, email: str) -> Iterator[User]:
        located = locate_login(email)
        if located is None or not _may_mail(located.user_id):
            return
        user = load_user(located.user_id, located.tenant_id)
        if user and user.has_usable_password():
            user.email = user.email or user.username  # not saved: only where the mail goes
            yield user


def _may_mail(user_id: int) -> bool:
    """Whether the user has had fewer than ``MAILS_PER_HOUR`` of these mails."""
    key = f"password-reset:{user_id}"
    cache.add(key, 0, timeout=3600)
    return cache.incr(key) <= MAILS_PER_HOUR
