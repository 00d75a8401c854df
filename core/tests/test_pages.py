"""Pages of lists that others write to between the count and the rows."""

import pytest

from core.api import CountedAgain


class Rows:
    """What a queryset is to a paginator, counted when there were more or fewer rows."""

    ordered = True

    def __init__(self, *, counted: int, rows: int) -> None:
        self.counted, self.rows = counted, list(range(rows))

    def count(self):
        return self.counted

    def __getitem__(self, asked):
        return self.rows[asked]


@pytest.mark.parametrize(
    ("counted", "rows", "number", "seen", "count", "pages"),
    [
        (3, 3, 1, [0, 1, 2], 3, 1),
        (2, 3, 1, [0, 1, 2], 3, 1),  # somebody came
        (3, 2, 1, [0, 1], 2, 1),  # somebody went
        (4, 5, 1, [0, 1, 2, 3], 4, 1),
        (5, 6, 2, [4, 5], 6, 2),
        (5, 4, 2, [], 5, 2),  # the rows of this page went: how many are left is not known
        (2, 0, 1, [], 0, 1),
        (9, 9, 1, [0, 1, 2, 3], 9, 3),
    ],
)
def test_a_page_and_its_count_agree(counted, rows, number, seen, count, pages):
    paginator = CountedAgain(Rows(counted=counted, rows=rows), 4)
    page = paginator.page(number)
    assert page.object_list == seen
    paginator.correct(number, len(seen))
    assert (paginator.count, paginator.num_pages) == (count, pages)
    assert page.has_next() == (number < pages)


@pytest.mark.django_db
def test_a_list_over_rest_counts_whoever_came_between(riverside, monkeypatch):
    monkeypatch.setattr(CountedAgain, "count", 2)  # when it was counted; there are three
    page = riverside.client().get("/api/patients/").json()
    assert (page["count"], len(page["results"])) == (3, 3)
