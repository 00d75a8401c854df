"""A new hospital or clinic, with its first administrator."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts.identity import is_login_taken
from accounts.models import User
from accounts.permissions import Role
from core.models import Site, Tenant
from core.tenancy import tenant

PASSWORD_BYTES = 12


class Command(BaseCommand):
    help = "Create a hospital or clinic with one site and an administrator; prints the password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="Short name in lower case, such as riverside.")
        parser.add_argument("--name", required=True)
        parser.add_argument("--zone", required=True, help="IANA time zone, such as Europe/Berlin.")
        parser.add_argument("--locale", default="en-gb", help="en-gb or en-us.")
        parser.add_argument("--site", default="Main site", help="Name of the first site.")
        parser.add_argument("--admin", required=True, help="The administrator's e-mail address.")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["admin"].lower()
        fields = {name: options[name] for name in ("slug", "name", "zone", "locale")}
        clinic = Tenant(**fields)
        try:
            clinic.full_clean()
            validate_email(email)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        if is_login_taken(email):
            raise CommandError(f"--admin: {email} is a login already.")
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        clinic.save()
        with tenant(clinic.pk):
            Site.objects.create(name=options["site"])
            User.objects.create_user(email, email, password, role=Role.TENANT_ADMIN)
        self.stdout.write(f"Created {clinic.name}. Log in as {email} with {password}")
