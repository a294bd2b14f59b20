"""Email addresses people type: checked, normalised, internationalised ones too (RFC 6531)."""

MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path of 256 octets less its angle brackets


class AddressInvalid(ValueError):
    """What was typed is not an address that mail could reach; the text says why, for the person who typed it."""


def normalise(typed: str) -> str:
    """Return the address in one form: trimmed, domain in lower case and Unicode, local part as typed.

    Whether the domain exists is not asked: a slow or failing name server must not stop somebody registering.

    Raises:
        AddressInvalid: with a message to show beside the field.
    """
    from email_validator import EmailNotValidError, validate_email

    typed = typed.strip()
    if not typed or len(typed) > MAX_LENGTH:
        raise AddressInvalid(
            "Enter your email address, like name@example.org."
            if not typed
            else f"An email address has at most {MAX_LENGTH} characters."
        )
    try:
        return validate_email(typed, check_deliverability=False).normalized
    except EmailNotValidError as refused:
        raise AddressInvalid(f"Enter an email address like name@example.org. {refused}") from refused


def sender_parts(sender: str) -> tuple[str, str]:
    """Return name and address of a sender as settings have it: ``Name <address>``, the name free of quoting.

    Raises:
        ValueError: there is no address in it.
    """
    name, _, rest = sender.rpartition("<")
    email = rest.removesuffix(">").strip()
    if "@" not in email:
        raise ValueError("SENDER is not of the form: Name <address>")
    return name.strip().strip('"'), email
