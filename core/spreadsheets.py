"""Files that are harmless to open in a spreadsheet."""

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads UTF-8 as Latin-1


def safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it.

    Source: OWASP, CSV injection.
    """
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
