from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.middleware import remember_tenant

        user_logged_in.connect(remember_tenant, dispatch_uid="remember_tenant")
