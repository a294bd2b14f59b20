"""What every test runs under: the settings of a stage nobody deployed, and credentials that open nothing."""

import os

# Set before anything is imported: table classes read their name when they are defined.
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "STAGE": "local",
        "LOG_LEVEL": "INFO",
        "POWERTOOLS_SERVICE_NAME": "microclimate-test",
        "POWERTOOLS_METRICS_NAMESPACE": "Microclimate",
        "VISITS_TABLE": "visits",
        "FOLLOWUPS_TABLE": "followups",
        "COMMENTS_TABLE": "comments",
        "ACCOUNTS_TABLE": "accounts",
        "USER_POOL_ID": "eu-west-2_people",
        "SIGN_IN_URL": "https://sign-in.example.org",
        "SIGN_IN_CLIENT_ID": "client-of-the-service",
        "SIGN_IN_ISSUER": "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_people",
        "SIGN_IN_KEYS_URL": "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_people/.well-known/jwks.json",
        "BUS_NAME": "microclimate",
        "FAILURES_BUCKET": "failures",
        "EXPORTS_BUCKET": "exports",
        "SECRET_ID": "microclimate",
        "ORIGIN_SECRET": "test",
        "BASE_URL": "https://visits.example.org",
        "SENDER": "Community of Practice <visits@example.org>",
        "CONFIGURATION_SET": "microclimate",
        "COMMUNITY_NAME": "Community of Practice",
        "RATE_LIMITS": "off",
        "EMAILS_A_SECOND": "1000",
        "DELIVERIES_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/deliveries",
    }
)
os.environ.pop("AWS_PROFILE", None)
