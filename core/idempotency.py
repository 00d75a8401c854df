"""``Idempotency-Key``: the same POST sent twice does its work once and is answered the same.

The key's row is inserted first and lives in the request's transaction.  A second request with
the key waits at the unique constraint for the first one's commit and then finds its answer; if
the first rolled back, the second does the work.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.clock import Clock, system_clock
from core.db import insert_unless_conflict
from core.errors import DomainError, InvalidInputError
from core.models import IdempotencyRecord

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_LENGTH = 255
KEY_UNIQUE = "idempotencyrecord_key_unique"
KEPT_HEADERS = ("ETag", "Location")
KEPT_FOR = timedelta(hours=48)


class KeyReusedError(DomainError):
    code = "idempotency_key_reused"
    http_status = 422
    message = "This Idempotency-Key was used for another request."


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key in this request's hands; ``answer`` is the first request's, or None if this is it."""

    record: IdempotencyRecord
    answer: Answer | None

    def keep(self, answer: Answer) -> None:
        """Store the answer for later requests with the key."""
        row = self.record
        row.status, row.body = answer.status, answer.body
        row.content_type, row.headers = answer.content_type, answer.headers
        row.save(update_fields=["status", "body", "content_type", "headers"])


def fingerprint_of(method: str, path: str, body: Any) -> str:
    """Equal for equal requests; the order of a JSON object's members does not count."""
    content = json.dumps([method, path, body], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def claim(*, user_id: int, key: str, fingerprint: str) -> Claim:
    """Take the key, or find the answer that it stands for.

    Waits while another request with the key is at work.

    Raises:
        InvalidInputError: the key is empty, too long or not printable ASCII.
        KeyReusedError: it was used for another request.
    """
    if not 0 < len(key) <= MAX_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidInputError(
            f"Give 1 to {MAX_LENGTH} printable ASCII characters.",
            attr=HEADER,
            code="invalid_idempotency_key",
        )
    row = IdempotencyRecord(user_id=user_id, key=key, fingerprint=fingerprint, status=0, body=b"")
    while not insert_unless_conflict(row, KEY_UNIQUE):
        found = IdempotencyRecord.objects.filter(user_id=user_id, key=key).first()
        if found is not None:
            return Claim(found, _answer_of(found, fingerprint))
    return Claim(row, None)


def _answer_of(record: IdempotencyRecord, fingerprint: str) -> Answer:
    if record.fingerprint != fingerprint:
        raise KeyReusedError
    return Answer(record.status, bytes(record.body), record.content_type, record.headers)


def purge(older_than: timedelta = KEPT_FOR, *, clock: Clock = system_clock) -> int:
    """Delete the active tenant's answers that are older; returns how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=clock() - older_than)
    return old.delete()[0]
