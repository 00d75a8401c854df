"""Names of the channel groups through which changes fan out."""


def board_group(*, tenant_id: int) -> str:
    """Everyone who watches this tenant's day."""
    return f"board-{tenant_id}"


def login_group(*, user_id: int) -> str:
    """Every socket of this user."""
    return f"login-{user_id}"


def queue_group(*, tenant_id: int, queue_id: int) -> str:
    """Every process that has a socket watching this queue."""
    return f"queue-{tenant_id}-{queue_id}"
