"""Running the whole service here: the real CDK template on MiniStack, behind a door that stands in for CloudFront.

Run ``python -m infra.local`` (``make run``). What each file holds: `folder` the state on disk, `emulator` MiniStack
itself, `assembly` what CDK makes of the app, `deployment` that deployed, `post_office` SES with its emails kept,
`front_door` CloudFront's part, `mailbox` the pages to read emails on, `sample` people and visits written for this
project, `clock` the time it is here, `stack` all of it together.
"""

import sys

from infra.settings import ROOT

# What runs in Lambda imports from here. The local clock and the sample data use the service's own words.
_FUNCTIONS = str(ROOT / "functions")
if _FUNCTIONS not in sys.path:
    sys.path.insert(0, _FUNCTIONS)
