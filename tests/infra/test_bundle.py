import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import bundle

# PEP 552: the flags after the magic number; bit 0 says "by hash", bit 1 "check the source", which nobody should.
UNCHECKED_HASH = 0b01


@pytest.fixture(scope="module")
def parts() -> list[bundle.Part]:
    return [bundle.code(), bundle.layer("aarch64"), bundle.layer(bundle.machine())]


def test_an_unchanged_tree_is_built_once_and_named_the_same(parts: list[bundle.Part]) -> None:
    before = [part.folder.stat().st_mtime_ns for part in parts]
    again = [bundle.code(), bundle.layer("aarch64"), bundle.layer(bundle.machine())]
    assert again == parts
    assert [part.folder.stat().st_mtime_ns for part in again] == before


def test_every_module_is_compiled_and_its_source_is_not_looked_at(parts: list[bundle.Part]) -> None:
    for part in parts:
        for source in part.folder.rglob("*.py"):
            compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
            assert compiled.is_file(), f"{source} is not compiled"
            assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH, compiled


def test_tracebacks_show_the_paths_of_lambda_and_not_of_the_builder(parts: list[bundle.Part]) -> None:
    for part, root in zip(parts, ("/var/task/", "/opt/python/", "/opt/python/"), strict=True):
        compiled = next(path for path in part.folder.rglob("*.pyc"))
        assert marshal.loads(compiled.read_bytes()[16:]).co_filename.startswith(root), compiled


def test_the_code_is_small_and_has_no_sources_of_assets(parts: list[bundle.Part]) -> None:
    code = parts[0].folder
    files = [path.relative_to(code) for path in code.rglob("*") if path.is_file()]
    assert sum((code / path).stat().st_size for path in files) < 5_000_000
    assert any("built" in path.parts for path in files), "the built front-end assets are missing"
    assert not [path for path in files if path.suffix in {".css", ".js"} and "built" not in path.parts]


def test_the_layer_fits_into_lambda_with_room_to_spare(parts: list[bundle.Part]) -> None:
    for part in parts[1:]:
        size = sum(path.stat().st_size for path in part.folder.rglob("*") if path.is_file())
        assert size < 80_000_000, f"{part.folder.name} has {size / 1e6:.0f} MB of the 250 that Lambda takes"


def test_the_layer_has_the_services_we_call_and_few_others(parts: list[bundle.Part]) -> None:
    for part in parts[1:]:
        data = part.folder / "python" / "botocore" / "data"
        assert {path.name for path in data.iterdir() if path.is_dir()} == bundle.SERVICES
        for needed in ("endpoints.json", "partitions.json", "sdk-default-configuration.json", "_retry.json"):
            assert list(data.glob(f"{needed}*")), f"botocore needs {needed}"


def test_the_layer_for_graviton_has_graviton_code(parts: list[bundle.Part]) -> None:
    native = list(parts[1].folder.rglob("*.so"))
    assert native
    for library in native:
        # ELF: the machine stands at byte 18; 183 is AArch64.
        assert int.from_bytes(library.read_bytes()[18:20], "little") == 183, library


def test_what_the_functions_import_is_all_in_the_layer(parts: list[bundle.Part]) -> None:
    wanted = (
        "aws_lambda_powertools.event_handler, boto3, botocore.session, email_validator, icalendar, itsdangerous, "
        "jinja2, markdown_it, mjml, nh3, pydantic, pynamodb.models, tzdata, zoneinfo"
    )
    script = (
        f"import {wanted}\n"
        "session = botocore.session.get_session()\n"
        f"for service in {sorted(bundle.SERVICES)!r}:\n"
        "    session.create_client(service, region_name='eu-west-1')\n"
        "print(zoneinfo.ZoneInfo('Europe/London'))\n"
    )
    layer = parts[2].folder / "python"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(layer), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(layer)!r})\n{script}"],
        env=environment,
        cwd=Path(layer).anchor,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
