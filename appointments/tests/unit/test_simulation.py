"""The proofs' own machinery: fair comparisons, and days that could happen."""

from itertools import pairwise

import numpy as np
import pytest

from appointments.queue.discipline import BAND_SCORES, Band
from appointments.simulation import disciplines
from appointments.simulation.clinic import Clinic, days
from appointments.simulation.paired import change
from appointments.simulation.play import DEDICATED, POOLED, Routing, WalkIns, part, play
from appointments.simulation.simulate_eta import tell
from appointments.simulation.simulate_queue import CONSENT, FREE, ORDERS, compare, table

ROUTINGS = [DEDICATED, FREE, CONSENT, POOLED, Routing(WalkIns.SHORTEST)]

CLINIC = Clinic()


def one_day(clinic=CLINIC):
    return next(days(clinic, 1, seed=3))


def test_equal_seeds_make_equal_days():
    first, second = one_day(), one_day()
    assert (first.line.arrived == second.line.arrived).all()
    assert (first.length == second.length).all()
    assert (first.consent == second.consent).all()


def test_what_the_queue_believes_changes_nothing_else():
    plain, misled = one_day(), one_day(Clinic(believed=(15.0,) * 5))
    assert (plain.length == misled.length).all()
    assert set(misled.line.expected_minutes) == {15.0}


@pytest.mark.parametrize("routing", ROUTINGS, ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_everybody_is_served_once_after_arriving_by_somebody_who_may_and_is_free(order, routing):
    day = one_day()
    course = play(day, ORDERS[order], routing)
    assert (course.start >= day.line.arrived).all()
    assert course.eligible[np.arange(len(day)), course.point].all()
    for point in range(len(day.opens)):
        own = sorted(np.flatnonzero(course.point == point), key=course.start.__getitem__)
        assert course.start[own[0]] >= day.opens[point]
        for earlier, later in pairwise(own):
            assert course.ends(day, earlier) <= course.start[later] + 1e-9


def test_first_come_is_served_first_where_anybody_takes_anybody():
    day = one_day()
    start = play(day, disciplines.first_come, POOLED).start
    assert (np.diff(start) >= 0).all()


def test_without_consent_the_booked_see_their_provider():
    day = one_day()
    point = play(day, disciplines.ours(), FREE).point
    assert (point == day.provider)[day.booked].all()
    assert not (point == day.provider)[~day.booked].all()


def test_order_alone_cannot_shorten_the_mean_wait_where_visits_are_alike():
    """Conservation law; on a single day the finite end makes a little difference."""
    sums = {"first_come": 0.0, "ours": 0.0}
    for day in days(Clinic(points=1, law=True, one_length=14.0), 60, seed=5):
        sums["first_come"] += (play(day, disciplines.first_come, POOLED).start).sum()
        sums["ours"] += (play(day, disciplines.ours(), POOLED).start).sum()
    assert sums["ours"] == pytest.approx(sums["first_come"], rel=0.005)


def test_an_interval_holds_zero_where_only_chance_differs():
    """In about 95 of 100 cases."""
    rng = np.random.default_rng(8)
    inside = 0
    for _ in range(200):
        base = rng.gamma(2, 100, 80)
        found = change(base + rng.normal(0, 20, 80), base)
        inside += abs(found.percent) <= found.half_width
    assert 180 <= inside <= 198


def test_a_real_difference_is_found():
    base = np.random.default_rng(8).gamma(2, 100, 80)
    found = change(0.9 * base, base)
    assert found.percent == pytest.approx(-10)
    assert found.half_width == pytest.approx(0, abs=1e-6)


def test_consent_and_free_walk_ins_shorten_the_waits_of_our_order():
    policies = {
        "own provider": (disciplines.ours(), DEDICATED),
        "30 % consent": (disciplines.ours(), CONSENT),
    }
    found = compare(policies, Clinic(), 25, seed=4)
    gain = change(found["30 % consent"].by_day(), found["own provider"].by_day())
    assert gain.percent + gain.half_width < -20
    assert "30 % consent" in table(found, ["own provider"])


def test_people_are_told_only_while_they_wait():
    told = tell(Clinic(), disciplines.ours(), CONSENT, count=3, seed=6)
    assert (told.wait > 0).all()
    assert not np.isnan(told.ours).any()
    assert set(told.day) == {0, 1, 2}


def test_the_urgent_are_first_by_every_order_that_knows_classes():
    day = one_day()
    rows = np.flatnonzero(day.line.arrived < 240)
    urgent = day.line.priority_score[rows] == BAND_SCORES[Band.URGENT]
    assert urgent.any()
    for name in ("class, then arrival", "ours", "urgent, then shortest"):
        served = urgent[ORDERS[name](part(day.line, rows), 240.0)]
        assert served[: urgent.sum()].all(), name
