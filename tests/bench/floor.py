"""The floor: what any Python function that writes one item costs. No framework, no model, botocore as it comes."""

from typing import Any

import botocore.session

# botocore makes its clients' methods at run time
client: Any = botocore.session.get_session().create_client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Put one item and say so."""
    item = {"pk": {"S": "visit#ward"}, "sk": {"S": "place#00000001"}, "name": {"S": "Ada Quillfeather"}}
    client.put_item(TableName="visits", Item=item)
    return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": "{}"}
