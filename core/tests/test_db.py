"""Statements that are planned once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import planned_rows

SQL = "SELECT %(number)s::bigint + 1, %(name)s::text"


@pytest.mark.django_db
def test_a_statement_is_planned_once_whatever_the_size_of_its_numbers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        before = cursor.fetchone()[0]
        with CaptureQueriesContext(connection) as seen:
            for number in (1, 70_000, 2**40):
                assert planned_rows(SQL, {"number": number, "name": "ä"}) == [(number + 1, "ä")]
        assert len(seen) == 3
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone()[0] == before + 1
