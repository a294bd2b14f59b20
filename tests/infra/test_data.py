from aws_cdk import App

from infra import bundle
from infra import settings as stage_settings
from infra.settings import context
from tests.infra.conftest import Synthesis


def test_every_table_can_be_restored_to_any_second(synthesis: Synthesis) -> None:
    for table in synthesis.all("AWS::DynamoDB::Table"):
        assert table.properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, table


def test_every_table_is_encrypted_and_in_prod_with_our_own_key(synthesis: Synthesis) -> None:
    for table in synthesis.all("AWS::DynamoDB::Table"):
        encryption = table.properties["SSESpecification"]
        assert encryption["SSEEnabled"] is True, table
        if table.stage == "prod":
            assert encryption["SSEType"] == "KMS", table
            assert "KMSMasterKeyId" in encryption, table
        else:
            assert "KMSMasterKeyId" not in encryption, table


def test_prods_key_rotates_and_outlives_its_stack(synthesis: Synthesis) -> None:
    for key in synthesis.all("AWS::KMS::Key", "prod"):
        assert key.properties["EnableKeyRotation"] is True
        assert key.whole["DeletionPolicy"] == "Retain"


def test_prods_data_survive_the_deletion_of_anything_around_them(synthesis: Synthesis) -> None:
    kept = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::Cognito::UserPool")
    for resource in (one for kind in kept for one in synthesis.all(kind, "prod")):
        assert resource.whole["DeletionPolicy"] == "Retain", resource
        assert resource.whole["UpdateReplacePolicy"] == "Retain", resource
        if resource.kind == "AWS::DynamoDB::Table":
            assert resource.properties["DeletionProtectionEnabled"] is True, resource


def test_prods_data_stack_cannot_be_deleted_by_accident() -> None:
    app = App(context={**context(), "stage": "prod"})
    settings = stage_settings.read(app.node.try_get_context, machine=bundle.machine())
    from infra.data import DataStack

    assert DataStack(app, settings=settings).termination_protection


def test_every_table_costs_nothing_while_idle_and_forgets_what_has_expired(synthesis: Synthesis) -> None:
    for table in synthesis.all("AWS::DynamoDB::Table"):
        assert table.properties["BillingMode"] == "PAY_PER_REQUEST", table
        assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}, table


def test_every_table_streams_both_images(synthesis: Synthesis) -> None:
    for table in synthesis.all("AWS::DynamoDB::Table"):
        assert table.properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}, table


def test_every_table_has_the_same_key_and_the_indexes_of_its_access_patterns(synthesis: Synthesis) -> None:
    indexes = {
        "Visits": {"public-by-start": ("listed", "starts_at"), "all-by-start": ("catalogue", "starts_at")},
        "Followups": {
            "by-visit": ("visit_id", "listing"),
            "by-person": ("person", "listing"),
            "by-due": ("due", "due_at"),
        },
        "Comments": {
            "by-queue": ("queue", "comment_id"),
            "by-person": ("person", "comment_id"),
            "stories-by-time": ("listed", "created_at"),
        },
        "Accounts": {
            "audit-by-time": ("audited", "sk"),
            "audit-by-actor": ("actor", "sk"),
            "digest-readers": ("digest", "pk"),
        },
    }
    for table in synthesis.all("AWS::DynamoDB::Table"):
        assert _key(table.properties["KeySchema"]) == ("pk", "sk"), table
        found = table.properties.get("GlobalSecondaryIndexes", [])
        assert {one["IndexName"]: _key(one["KeySchema"]) for one in found} == indexes[table.logical_id[:-8]], table
        assert all(one["Projection"] == {"ProjectionType": "ALL"} for one in found), table


def _key(schema: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(part["AttributeName"] for part in sorted(schema, key=lambda part: part["KeyType"]))


def test_every_bucket_is_private_encrypted_and_expires_everything(synthesis: Synthesis) -> None:
    for bucket in synthesis.all("AWS::S3::Bucket"):
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}, bucket
        [rule] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert algorithm == ("aws:kms" if bucket.stage == "prod" else "AES256"), bucket
        lasting = [one for one in bucket.properties["LifecycleConfiguration"]["Rules"] if "Prefix" not in one]
        assert any(one["Status"] == "Enabled" and one["ExpirationInDays"] <= 30 for one in lasting), bucket


def test_buckets_queues_and_topics_refuse_what_does_not_come_over_tls(synthesis: Synthesis) -> None:
    pairs = (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    )
    for kind, policy_kind, refers in pairs:
        for resource in synthesis.all(kind):
            policies = [
                policy
                for policy in synthesis.all(policy_kind, resource.stage)
                if f"'Ref': '{resource.logical_id}'" in str(policy.properties[refers])
            ]
            denials = [
                statement
                for policy in policies
                for statement in policy.properties["PolicyDocument"]["Statement"]
                if statement["Effect"] == "Deny"
                and statement["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
            ]
            assert denials, f"{resource} may be used without TLS"


def test_the_secret_is_made_up_and_starts_without_signing_keys(synthesis: Synthesis) -> None:
    for secret in synthesis.all("AWS::SecretsManager::Secret"):
        made = secret.properties["GenerateSecretString"]
        assert "SecretString" not in secret.properties, secret
        if not secret.logical_id.startswith("Origin"):
            assert made["SecretStringTemplate"] == '{"signing_keys": []}', secret
            assert made["GenerateStringKey"] == "pepper", secret
            assert made["PasswordLength"] == 64, secret
