"""The weights' page: sliders that must make 100 %, and what they would change."""

import pytest

from accounts.permissions import Role
from appointments.models import AppointmentTemplate, SchedulingWeights
from appointments.scheduling.scoring import FACTORS
from appointments.scheduling.weights import save_weights
from appointments.views.scheduling_weights import scaled

pytestmark = pytest.mark.django_db
PAGE = "/appointments/scheduling/weights/"
DEFAULTS = dict(zip(FACTORS, (30, 25, 20, 15, 10), strict=True))
EVEN = dict.fromkeys(FACTORS, 20)


@pytest.fixture
def manager(riverside):
    return riverside.client(Role.MANAGER)


def stored(clinic):
    with clinic.active():
        row = SchedulingWeights.objects.first()
        return row and [round(100 * getattr(row, name)) for name in FACTORS]


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT])
def test_who_may_not_configure_is_refused(riverside, role):
    client = riverside.client(role)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, EVEN | {"save": "1"}).status_code == 403
    assert client.post(f"{PAGE}preview/", EVEN).status_code == 403
    assert stored(riverside) is None


def test_it_starts_with_the_defaults_and_saves(riverside, manager):
    form = manager.get(PAGE).context["form"]
    assert {name: form[name].value() for name in FACTORS} == DEFAULTS
    response = manager.post(PAGE, EVEN | {"save": "1", "version": "0"})
    assert response.status_code == 302
    assert stored(riverside) == [20] * 5


@pytest.mark.parametrize(
    ("name", "value"), [(FACTORS[0], 31), (FACTORS[0], -1), (FACTORS[4], 101), (FACTORS[1], "x")]
)
def test_what_does_not_make_a_hundred_is_refused(riverside, manager, name, value):
    response = manager.post(PAGE, DEFAULTS | {name: value, "save": "1", "version": "0"})
    assert response.status_code == 400
    assert response.context["form"].errors
    assert stored(riverside) is None


def test_a_colleagues_change_is_not_overwritten_unseen(riverside, manager):
    with riverside.active():
        save_weights(dict.fromkeys(FACTORS, 0.2), by=None)
    response = manager.post(PAGE, DEFAULTS | {"save": "1", "version": "0"})
    assert response.status_code == 412
    assert b"Somebody changed the weights meanwhile" in response.content
    assert stored(riverside) == [20] * 5
    again = DEFAULTS | {"save": "1", "version": response.context["version"]}
    assert manager.post(PAGE, again).status_code == 302


def test_making_it_a_hundred_and_the_defaults_only_propose(riverside, manager):
    asked = EVEN | {FACTORS[0]: 60, "version": "0"}
    form = manager.post(PAGE, asked | {"normalise": "1"}).context["form"]
    assert form.total == 100
    assert form[FACTORS[0]].value() == 43
    form = manager.post(PAGE, asked | {"defaults": "1"}).context["form"]
    assert {name: form[name].value() for name in FACTORS} == DEFAULTS
    assert stored(riverside) is None


@pytest.mark.parametrize(
    "values", [(1, 1, 1, 0, 0), (0, 0, 0, 0, 0), (100, 100, 100, 100, 99), (0, 0, 0, 0, 1)]
)
def test_scaling_keeps_proportions_and_makes_a_hundred(values):
    found = scaled(dict(zip(FACTORS, values, strict=True)))
    assert sum(found.values()) == 100
    if any(values):
        assert [value == 0 for value in found.values()] == [value == 0 for value in values]
    else:
        assert found == DEFAULTS


def test_the_preview_ranks_by_both(riverside, manager):
    wish = {"appointment_type_id": riverside.types[0].pk, "patient_id": riverside.patients[0].pk}
    same = manager.post(f"{PAGE}preview/", DEFAULTS | wish).context["comparison"]
    assert [each.before for each in same.then] == [1, 2, 3, 4, 5]
    assert [each.slot for each in same.then] == same.now
    only_risk = dict.fromkeys(FACTORS, 0) | {"no_show_risk": 100}
    other = manager.post(f"{PAGE}preview/", only_risk | wish).context["comparison"]
    assert [each.slot.datetime for each in other.then] != [slot.datetime for slot in other.now]


def test_the_previews_patient_is_chosen_by_search(riverside, manager):
    asked = EVEN | {"version": "0", "choose": riverside.patients[2].pk}
    response = manager.post(PAGE, asked)
    assert response.context["patient"] == riverside.patients[2]
    assert response.context["form"].total == 100


def test_a_type_whose_only_room_is_out_of_use_leaves_the_page_standing(riverside):
    with riverside.active():
        AppointmentTemplate.objects.update(resource_kind="Scanner")
    page = riverside.client(Role.MANAGER).get(PAGE)
    assert (page.status_code, page.context["comparison"]) == (200, None)
