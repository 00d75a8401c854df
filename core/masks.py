"""Keeps the tokens of unguessable links, and which patient it was, out of the logs."""

import logging
import re

TOKEN = re.compile(r"(/(?:display|ticket|kiosk|check-in|respond)/)[\w~%-]{16,}")
PATIENT = re.compile(r"(/patients?/)\d+")


def masked(text: str) -> str:
    """The text with ``***`` for each token and each patient's key in an address."""
    return PATIENT.sub(r"\1***", TOKEN.sub(r"\1***", text))


class MaskTokens(logging.Filter):
    """For what others log: Django names the address of each request that it refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        shown = masked(message)
        if shown != message:
            record.msg, record.args = shown, ()
        return True
