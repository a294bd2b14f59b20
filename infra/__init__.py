"""The CDK app, what it deploys, and what runs it all on this machine."""
