"""People to sign in as: users that only this writes into the emulator's user pool. Their passwords are no secret."""

from dataclasses import dataclass

from infra.local import tokens
from infra.local.deployment import Deployment
from infra.local.emulator import Emulator


@dataclass(frozen=True)
class User:
    """Somebody in the user pool; ``what`` says what they may do, for whoever starts the stack."""

    email: str
    name: str
    password: str
    what: str
    groups: tuple[str, ...] = ()


# The organiser and the moderator are who the local API tokens act as. The member registers for the sample visits.
ORGANISER = User(
    tokens.ORGANISER.email, tokens.ORGANISER.name, "organise-with-care", "runs visits: /organise", ("organisers",)
)
MODERATOR = User(
    tokens.MODERATORS[0].email, tokens.MODERATORS[0].name, "moderate-with-care", "moderates", ("moderators",)
)
MEMBER = User("amara.nwosu@example.org", "Amara Nwosu", "member-of-the-ward", "a member: /me")
ALL = (ORGANISER, MODERATOR, MEMBER)


def write(emulator: Emulator, deployment: Deployment) -> None:
    """Put these people into the user pool, unless they are there."""
    for user in ALL:
        add(emulator, deployment, user)


def add(emulator: Emulator, deployment: Deployment, user: User, *, proven: bool = True) -> None:
    """Put somebody into the user pool; ``proven`` says whether their address is. Who is there stays as they are."""
    cognito = emulator.session.client("cognito-idp", **emulator.connection)
    pool = deployment["UserPoolIdName"]
    try:
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=user.email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": user.email},
                {"Name": "email_verified", "Value": "true" if proven else "false"},
                {"Name": "name", "Value": user.name},
            ],
        )
    except cognito.exceptions.UsernameExistsException:
        return
    cognito.admin_set_user_password(UserPoolId=pool, Username=user.email, Password=user.password, Permanent=True)
    for group in user.groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=user.email, GroupName=group)
