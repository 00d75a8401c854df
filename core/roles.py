"""The application's database role: what it may do, and that it is bound."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from psycopg import sql

APPEND_ONLY = (
    "core_auditevent",
    "appointments_appointmentevent",
    "appointments_queueevent",
    "appointments_queuesnapshot",
)


def ensure_app_role() -> None:
    """Create the role or bring it up to date.  Run before the first migration.

    Raises:
        CommandError: the owner lacks a right it needs; the message carries the SQL that grants it.
    """
    app = settings.DATABASES["default"]
    role = sql.Identifier(app["USER"])
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
            " WHERE rolname = current_user"
        )
        superuser, bypasses, creates = cursor.fetchone()
        if not (superuser or bypasses):
            raise CommandError(
                "The role in DATABASE_URL must pass row-level security, because look-ups by login "
                "are its functions. As a superuser run: ALTER ROLE <role> BYPASSRLS;"
            )
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [app["USER"]])
        if cursor.fetchone() is None:
            if not (superuser or creates):
                raise CommandError(
                    f"The role {app['USER']} is missing and the role in DATABASE_URL may not make "
                    "it. As a superuser run: ALTER ROLE <role> CREATEROLE;"
                )
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        cursor.execute(
            sql.SQL(
                "ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}"
            ).format(role, sql.Literal(app["PASSWORD"]))
            if superuser
            else sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                role, sql.Literal(app["PASSWORD"])
            )
        )


def grant_app_role() -> None:
    """Give the role what it needs on every table and function; run after each migration."""
    role = sql.Identifier(settings.DATABASES["default"]["USER"])
    statements = (
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}",
    )
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(role))
        for table in APPEND_ONLY:
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(sql.Identifier(table), role)
            )
