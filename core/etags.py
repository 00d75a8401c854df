"""ETag, If-Match and If-None-Match.

An ETag is ``"<version>-<digest>"``: the digest covers all that the answer shows, names of other
records included; the version alone decides about a write.  Records without a version have a
digest only, and it decides.
"""

import hashlib
from typing import Any

import orjson
from django.utils.http import parse_etags

from core.errors import StaleVersionError


def etag_of(representation: dict[str, Any]) -> str:
    content = orjson.dumps(representation, default=str)
    digest = hashlib.blake2s(content, digest_size=8).hexdigest()
    version = representation.get("version")
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def check_if_match(header: str | None, etag: str) -> None:
    """
    Args:
        header: the request's ``If-Match``; None where it has none.  ``"<version>"`` alone counts.

    Raises:
        StaleVersionError: none of its tags is the present one; a weak or malformed one never is.
    """
    if header is None or header.strip() == "*":
        return
    if _deciding(etag) not in {_deciding(tag) for tag in parse_etags(header)}:
        raise StaleVersionError


def is_unchanged(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` says that the caller has this already."""
    if header is None:
        return False
    tags = parse_etags(header)
    return "*" in tags or etag in {tag.removeprefix("W/") for tag in tags}


def _deciding(etag: str) -> str:
    return etag.removesuffix('"').partition("-")[0]
