"""Errors as logs may show them."""

import traceback


def kind_and_place(error: BaseException) -> str:
    """The error's class and its traceback, without its message.

    A database error's message quotes the row, which may be a patient's.
    """
    lines = traceback.format_tb(error.__traceback__)
    return f"{type(error).__name__}\n{''.join(lines)}"
