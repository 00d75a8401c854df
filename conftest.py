"""Shared fixtures: the throw-away database, two hospitals, and work that really commits."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from hospital_management.testing import one_worker_at_a_time, set_up_django

set_up_django()

TRUNCATE_TRIES = 5

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker) -> None:
    """The database exists already; give its own application role its rights."""
    from django.db import connections

    from core.roles import ensure_app_role, grant_app_role

    with django_db_blocker.unblock(), one_worker_at_a_time():
        ensure_app_role()
        grant_app_role()
        connections["owner"].close()


@pytest.fixture(autouse=True)
def no_leaked_tenant() -> Iterator[None]:
    """A tenant left active by one test would hide a missing one in the next."""
    from core.tenancy import current_tenant_id

    assert current_tenant_id() is None
    yield
    assert current_tenant_id() is None


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Throttles and lock-outs count in the cache."""
    from django.core.cache import cache

    from core import pulse

    yield
    pulse.flush()
    cache.clear()


@pytest.fixture
def riverside(db):
    from appointments.tests.clinics import build_clinic

    return build_clinic("riverside", zone="Europe/Berlin")


@pytest.fixture
def lakeside(db):
    from appointments.tests.clinics import build_clinic

    return build_clinic("lakeside", zone="America/New_York")


@pytest.fixture
def committed_db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Real commits, for threads, sockets and browsers; every table is emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        empty_every_table()


def empty_every_table() -> None:
    """The owner does it: the application's role may not truncate."""
    from django.apps import apps
    from django.db import OperationalError, connections

    from appointments import live

    live.flush()  # its locks and the emptying would wait for each other
    tables = ", ".join(
        f'"{model._meta.db_table}"'
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.db_table.startswith("django_")
    )
    for tries_left in reversed(range(TRUNCATE_TRIES)):
        try:
            with connections["owner"].cursor() as cursor:
                cursor.execute(
                    f"TRUNCATE {tables}, django_session, procrastinate_jobs "
                    "RESTART IDENTITY CASCADE"
                )
            break
        except OperationalError:  # a page's last request and this one wait for each other
            if not tries_left:
                raise
    connections.close_all()


@pytest.fixture(scope="module")
def committed_module(django_db_setup, django_db_blocker) -> Iterator[None]:
    """As ``committed_db``, for what is too slow to build for every test of a module."""
    with django_db_blocker.unblock():
        yield
        empty_every_table()


@pytest.fixture
def committed_riverside(committed_db):
    from appointments.tests.clinics import build_clinic

    return build_clinic("riverside", zone="Europe/Berlin")


@pytest.fixture
def committed_lakeside(committed_db):
    from appointments.tests.clinics import build_clinic

    return build_clinic("lakeside", zone="America/New_York")
