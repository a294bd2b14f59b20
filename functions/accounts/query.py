"""What others may read of accounts."""

from collections.abc import Iterator

from accounts.model import Account, account_pk


def account(person: str) -> Account | None:
    """Return a person's account; None for somebody who has never signed in."""
    try:
        return Account.get(account_pk(person), "account", consistent_read=True)
    except Account.DoesNotExist:
        return None


def digest_readers() -> Iterator[Account]:
    """Yield who wants the daily digest, page by page as they are asked for."""
    yield from Account.digest_readers.query("daily", page_size=100)
