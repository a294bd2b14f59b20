"""The CDK app: ``cdk synth -c stage=local|dev|prod``. It needs no credentials and asks AWS nothing."""

import sys

from aws_cdk import App, Tags

from infra import bundle, nag
from infra import settings as stage_settings
from infra.data import DataStack
from infra.service import ServiceStack


def build(app: App, *, held_to_rules: bool = True) -> App:
    """Put the two stacks of the stage that the context names into an app.

    Args:
        app: with the context of cdk.json and a stage.
        held_to_rules: let the synthesis fail at what cdk-nag finds; tests of single properties do without.

    Raises:
        SettingMissing: naming the setting that the stage lacks.
    """
    settings = stage_settings.read(app.node.try_get_context, machine=bundle.machine())
    data = DataStack(app, settings=settings)
    ServiceStack(
        app,
        settings=settings,
        data=data,
        code=bundle.code(),
        layer=bundle.layer(settings.architecture),
    )
    Tags.of(app).add("project", "microclimate")
    Tags.of(app).add("stage", settings.stage)
    if held_to_rules and not settings.is_local:
        # The local stage leaves out what the emulator lacks, so the rules have nothing to say about it.
        nag.hold_to_rules(app)
    return app


def main() -> int:
    """Synthesise; say in one line what a stage lacks."""
    try:
        build(App()).synth()
    except stage_settings.SettingMissing as missing:
        print(f"cdk: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
