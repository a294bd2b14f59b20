"""The data stack: what must outlive every deployment. Tables, people, the bucket, secrets, and prod's key."""

import json
from dataclasses import dataclass

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import l1
from infra.nag import explain
from infra.settings import Settings

# Failed publications hold both images of a record, people's addresses included: they are kept as long as a
# dead-letter queue keeps its messages, and no longer.
FAILURES_KEPT = Duration.days(14)

# Files somebody asked for and did not fetch, or did: S3 counts in whole days.
EXPORTS_KEPT = Duration.days(1)


@dataclass(frozen=True)
class Index:
    """A global secondary index with everything projected: a name, and the attributes of its key."""

    name: str
    partition: str
    sort: str


@dataclass(frozen=True)
class StoredTable:
    """A table as functions are given access to it: with its indexes, and the key that encrypts it in prod."""

    table: dynamodb.Table
    indexes: tuple[Index, ...]
    key: kms.IKey | None

    @property
    def index_arns(self) -> list[str]:
        """The indexes' ARNs: policies name each, so that none says ``index/*``."""
        return [f"{self.table.table_arn}/index/{index.name}" for index in self.indexes]


class DataStack(Stack):
    """Tables, one a context; the user pool; the bucket of failed publications; the secrets."""

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(
            scope,
            f"{settings.prefix}-data",
            description=f"Microclimate, stage {settings.stage}: tables, bucket, secrets",
            termination_protection=settings.is_prod,
        )
        self._settings = settings
        self._kept = RemovalPolicy.RETAIN if settings.is_prod else RemovalPolicy.DESTROY
        self.key = self._key() if settings.is_prod else None
        self.visits = self._table(
            "Visits",
            Index("public-by-start", partition="listed", sort="starts_at"),
            Index("all-by-start", partition="catalogue", sort="starts_at"),
        )
        self.followups = self._table(
            "Followups",
            Index("by-visit", partition="visit_id", sort="listing"),
            Index("by-person", partition="person", sort="listing"),
            Index("by-due", partition="due", sort="due_at"),
        )
        self.comments = self._table(
            "Comments",
            Index("by-queue", partition="queue", sort="comment_id"),
            Index("by-person", partition="person", sort="comment_id"),
            Index("stories-by-time", partition="listed", sort="created_at"),
        )
        self.accounts = self._table(
            "Accounts",
            Index("audit-by-time", partition="audited", sort="sk"),
            Index("audit-by-actor", partition="actor", sort="sk"),
            Index("digest-readers", partition="digest", sort="pk"),
        )
        self.people = self._people()
        self.sign_in = self._sign_in_pages()
        self.failures = self._bucket(
            "Failures",
            kept=FAILURES_KEPT,
            unlogged="Lambda alone writes here and an operator alone reads, both seen in CloudTrail; "
            "a second bucket of access logs would be one more place to keep clean.",
        )
        self.exports = self._bucket(
            "Exports",
            kept=EXPORTS_KEPT,
            unlogged="Everything here is gone after a day, and opened by a signed address for five minutes; "
            "the audit log says who had it made.",
        )
        self.secret = self._secret()
        self.origin_secret = None if settings.is_local else self._origin_secret()
        self._output("VisitsTable", self.visits.table.table_name)
        self._output("FollowupsTable", self.followups.table.table_name)
        self._output("CommentsTable", self.comments.table.table_name)
        self._output("AccountsTable", self.accounts.table.table_name)
        self._output("FailuresBucket", self.failures.bucket_name)
        self._output("ExportsBucket", self.exports.bucket_name)
        self._output("SecretId", self.secret.secret_arn)
        self._output("UserPoolId", self.people.user_pool_id)
        if self.origin_secret:
            self._output("OriginSecretId", self.origin_secret.secret_arn)

    def _key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="Microclimate's tables and failed publications",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _table(self, name: str, *indexes: Index) -> StoredTable:
        table = dynamodb.Table(
            self,
            name,
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._settings.is_prod,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=self.key,
            removal_policy=self._kept,
        )
        for index in indexes:
            table.add_global_secondary_index(
                index_name=index.name, partition_key=_text(index.partition), sort_key=_text(index.sort)
            )
        return StoredTable(table, indexes, self.key)

    def _people(self) -> cognito.UserPool:
        """Make the user pool: members sign up by themselves, organisers and moderators are put into a group."""
        local = self._settings.is_local  # the emulator knows no passkeys and no tiers
        pool = cognito.UserPool(
            self,
            "People",
            user_pool_name=self._settings.prefix,
            self_sign_up_enabled=True,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            standard_attributes=cognito.StandardAttributes(
                email=cognito.StandardAttribute(required=True, mutable=True),
                fullname=cognito.StandardAttribute(required=True, mutable=True),
            ),
            # Long, of whatever characters: NIST SP 800-63B, 3.1.1.2.
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=False,
                require_lowercase=False,
                require_symbols=False,
                require_uppercase=False,
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=None if local else cognito.FeaturePlan.ESSENTIALS,
            sign_in_policy=None
            if local
            else cognito.SignInPolicy(
                allowed_first_auth_factors=cognito.AllowedFirstAuthFactors(password=True, email_otp=True, passkey=True)
            ),
            passkey_user_verification=None if local else cognito.PasskeyUserVerification.PREFERRED,
            deletion_protection=self._settings.is_prod,
            removal_policy=self._kept,
        )
        if self._settings.sign_in_mail == "ses":
            sender = f"arn:{Aws.PARTITION}:ses:{self.region}:{self.account}:identity/{self._settings.sender_domain}"
            l1.resource(pool, cognito.CfnUserPool).email_configuration = cognito.CfnUserPool.EmailConfigurationProperty(
                email_sending_account="DEVELOPER", from_=self._settings.sender, source_arn=sender
            )
        for group, what in (("organisers", "Run visits"), ("moderators", "Approve what is said under stories")):
            pool.add_group(group.capitalize(), group_name=group, description=what)
        explain(
            pool,
            {
                "AwsSolutions-COG1": "Twelve characters of any kind: rules of composition make passwords shorter and "
                "alike (NIST SP 800-63B). Passkeys and email codes do without one.",
                "AwsSolutions-COG2": "A pool that requires a second factor takes neither passkeys nor email codes as "
                "the first, and these are what people here are asked to use.",
                "AwsSolutions-COG8": "Essentials has what is used here. Plus adds threat protection, for more than the "
                "rest of the service costs.",
            },
        )
        return pool

    def _sign_in_pages(self) -> cognito.UserPoolDomain:
        """Give the user pool's pages an address: unique in the region, so it has the account in it."""
        return self.people.add_domain(
            "SignIn",
            cognito_domain=cognito.CognitoDomainOptions(
                domain_prefix=f"{self._settings.prefix}-{Aws.ACCOUNT_ID}",
            ),
            managed_login_version=cognito.ManagedLoginVersion.NEWER_MANAGED_LOGIN,
        )

    def _bucket(self, name: str, *, kept: Duration, unlogged: str) -> s3.Bucket:
        """Make a bucket that forgets; ``unlogged`` says why it has no access log."""
        bucket = s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=kept, abort_incomplete_multipart_upload_after=Duration.days(1))
            ],
            removal_policy=self._kept,
        )
        explain(bucket, {"AwsSolutions-S1": unlogged})
        return bucket

    def _secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Signing keys (newest first) and the pepper of person keys, which can never change",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"signing_keys": []}),
                generate_string_key="pepper",
                password_length=64,
                exclude_punctuation=True,
            ),
            removal_policy=self._kept,
        )
        explain(
            secret,
            {
                "AwsSolutions-SMG4": "The pepper can never change, or every person key would; signing keys are "
                "put at the head of their list by hand (docs/runbook.md), so that links already sent still open."
            },
        )
        return secret

    def _origin_secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "OriginSecret",
            description="What CloudFront adds to each request, so that nobody can go round it",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
            removal_policy=self._kept,
        )
        explain(
            secret,
            {
                "AwsSolutions-SMG4": "The value stands in two places, CloudFront and the functions, and both are "
                "set by a deployment: docs/runbook.md says how it is rotated."
            },
        )
        return secret

    def _output(self, name: str, value: str) -> None:
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(name + "Name")


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
