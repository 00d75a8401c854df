"""What happens after the commit can neither undo it nor stop the rest."""

import logging
from datetime import time

import pytest
from django.db import transaction

from appointments.booking.events import AppointmentChanged
from appointments.models import AppointmentRequest
from appointments.tests.api import api_of, problem
from core import events
from core.events import DomainEvent, call_on_commit, publish_on_commit

SECRET = "Key (last_name)=(Riversideson) already exists."


class Happened(DomainEvent):
    pass


def fail(*args: object) -> None:
    raise ValueError(SECRET)


@pytest.fixture
def heard(monkeypatch) -> list[DomainEvent]:
    """Events heard by a handler that stands behind one that fails."""
    heard: list[DomainEvent] = []
    for kind in (Happened, AppointmentChanged):
        monkeypatch.setitem(events._handlers, kind, [fail, heard.append])
    return heard


def test_a_failing_handler_is_logged_without_its_message_and_the_next_one_is_called(
    committed_db, heard, caplog
):
    event = Happened(tenant_id=1)
    with caplog.at_level(logging.ERROR), transaction.atomic():
        publish_on_commit(event)
        assert not heard
    assert heard == [event]
    assert "fail failed after the commit: ValueError" in caplog.text
    assert __name__.rpartition(".")[2] in caplog.text  # the place
    assert SECRET not in caplog.text


def test_nothing_is_delivered_of_what_was_rolled_back(committed_db, heard):
    with transaction.atomic():
        publish_on_commit(Happened(tenant_id=1))
        transaction.set_rollback(True)
    assert not heard


def test_outside_a_transaction_the_act_is_tried_at_once(committed_db, caplog):
    call_on_commit(fail)
    assert "ValueError" in caplog.text


def test_a_request_that_has_committed_succeeds_whatever_its_subscribers_do(
    committed_riverside, heard, caplog
):
    wish = {
        "patient_id": committed_riverside.patients[0].pk,
        "provider_id": committed_riverside.providers[0].pk,
        "appointment_type_id": committed_riverside.types[0].pk,
        "scheduled_datetime": committed_riverside.at(1, time(10)).isoformat(),
    }
    api = api_of(committed_riverside)
    answer = api.post("appointments/appointments/", wish)
    assert answer.status_code == 201
    assert [event.appointment_id for event in heard] == [answer.json()["id"]]
    with committed_riverside.active():
        assert AppointmentRequest.objects.count() == 1
    assert problem(api.post("appointments/appointments/", wish))[1] == "slot_taken"
    assert SECRET not in caplog.text
