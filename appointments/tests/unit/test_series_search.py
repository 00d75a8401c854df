"""Series equal what looking at every slot finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.scheduling.series_search import best_repetitions

HOUR = 3_600_000_000
SLOTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 20), st.integers(8, 11)),
    max_size=60,
    unique=True,
)


@given(SLOTS, st.integers(1, 7), st.integers(2, 4), st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_every_first_slot_has_the_repetitions_that_are_free(slots, step, visits, bases):
    lane, site, day, hour = (np.array([s[i] for s in slots], dtype=np.int64) for i in range(4))
    score = (lane * 7 + day).astype(float)
    days_of = {first: [first + step * n for n in range(visits)] for first in range(bases + 1)}
    found = best_repetitions(
        lane=lane,
        site=site,
        day=day,
        clock=hour * HOUR,
        score=score,
        days_of=days_of,
        count=1000,
    )
    rows = {slot: row for row, slot in enumerate(slots)}
    expected = set()
    for who, where, first, at in slots:
        if first in days_of:
            expected.add(tuple(rows.get((who, where, on, at), -1) for on in days_of[first]))
    assert {each.rows for each in found} == expected
    assert [each.missing for each in found] == sorted(each.missing for each in found)
    for each in found:
        free = [score[row] for row in each.rows if row >= 0]
        assert np.isclose(each.score, sum(free) / len(free))
