"""What the log must not say of an address."""

import pytest

from core.masks import masked


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/ticket/abcdefghijklmnop-_1/place/", "/ticket/***/place/"),
        ("/patients/123/", "/patients/***/"),
        ("/api/patients/123/?x=1", "/api/patients/***/?x=1"),
        ("/ws/appointments/queue/7/patient/123/", "/ws/appointments/queue/7/patient/***/"),
        ("/appointments/123/", "/appointments/123/"),
        ("/patients/register/", "/patients/register/"),
    ],
)
def test_tokens_and_patients_are_masked(path, shown):
    assert masked(path) == shown
