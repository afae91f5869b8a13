"""A tenant writes what to run, and learns what it asks for or what is wrong, and where."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from weftwork.cli.compute import app
from weftwork.compute.error import BadSdl, SdlField, SdlLimit, SdlReference, SdlValue
from weftwork.compute.sdl import encode_canonical, hash_manifest, parse
from weftwork.compute.sdl.limit import Limits

WAD = 10**18


def spoil(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def refuse(text: str, *, strict: bool = False) -> BadSdl:
    with pytest.raises(BadSdl) as caught:
        parse(text, strict=strict)
    return caught.value


def test_tenant_gets_groups_manifest_and_price(simple):
    deployment = parse(simple, strict=True)
    (group,) = deployment.groups
    (unit,) = group.units
    assert (group.name, group.any_of, group.all_of) == ("anywhere", ("auditor-1",), None)
    assert group.attributes == (("region", "eu-west"),)
    assert (unit.resource.cpu, unit.resource.memory, unit.count) == (500, 512 << 20, 2)
    assert (unit.price, group.price, deployment.denom) == (1000 * WAD, 2000 * WAD, "uakt")
    (service,) = deployment.manifest[0].services
    assert (service.env, service.command) == (("MODE=live",), None)
    assert service.expose[0].hosts == ("www.example.com",)


def test_hash_of_a_manifest_never_changes(simple):
    assert parse(simple).hash.hex() == "a6fd3f3cc0b4bd21b3821ebfdb9eccbb4dcaea4fb2b8f0bf79fa3b2f3916a06c"
    assert parse(simple.replace("\n", "\r\n")).hash == parse("\ufeff" + simple).hash == parse(simple).hash


def test_order_of_the_file_does_not_reach_the_hash(simple):
    head, services, rest = simple.partition("services:")
    body, profiles, tail = rest.partition("profiles:")
    assert parse(head + profiles + tail + services + body).hash == parse(simple).hash


def test_absent_and_empty_lists_hash_differently(simple):
    absent, empty = simple, spoil(simple, "    env:\n      - MODE=live\n", "    env: []\n")
    null = spoil(simple, "    env:\n      - MODE=live\n", "    env:\n")
    assert parse(empty).manifest[0].services[0].env == ()
    assert parse(null).manifest[0].services[0].env is None
    assert len({parse(text).hash for text in (absent, empty, null)}) == 3


def test_canonical_json_escapes_as_go_does():
    assert encode_canonical({"b": "<a&b>\u2028é", "a": None}) == (
        '{"a":null,"b":"\\u003ca\\u0026b\\u003e\\u2028é"}'.encode()
    )


def test_provider_hashes_the_manifest_that_it_received(simple):
    deployment = parse(simple)
    received = json.loads(json.dumps(deployment.manifest_json()))
    assert hash_manifest(received) == deployment.hash


def test_all_problems_of_a_file_are_told_in_its_order(simple):
    text = spoil(spoil(simple, "port: 80", "port: 99999"), "size: 512Mi", "size: lots")
    text = spoil(text, "count: 2", "count: many")
    error = refuse(text)
    assert [(p.line, p.column, p.path) for p in error.problems] == [
        (8, 15, "services.web.expose[0].port"),
        (20, 17, "profiles.compute.small.resources.memory.size"),
        (38, 14, "deployment.web.anywhere.count"),
    ]
    assert error is error.problems[0]
    assert str(error).startswith("deploy.yaml:8:15: services.web.expose[0].port: ")


CASES = [
    ("profile: small", "profile: big", SdlReference, "deployment.web.anywhere.profile"),
    ("    anywhere:\n      profile", "    moon:\n      profile", SdlReference, "deployment.web.moon"),
    ("deployment:\n  web:", "deployment:\n  db:", SdlReference, "deployment.db.anywhere"),
    ("        small:\n          denom", "        big:\n          denom", SdlField,
     "profiles.placement.anywhere.pricing"),
    ("global: true", "global: false", SdlField, "services"),
    ("global: true", "global: true\n            ip: mine", SdlReference, "services.web.expose[0].to[0].ip"),
    ("deployment:", "endpoints:\n  mine: {kind: ip}\ndeployment:", SdlReference, "endpoints.mine"),
    ("MODE=live", "=live", SdlValue, "services.web.env[0]"),
    ("MODE=live", "9MODE=live", SdlValue, "services.web.env[0]"),
    ("www.example.com", "www_example.com", SdlValue, "services.web.expose[0].accept[0]"),
    ("- www.example.com", "- a.org\n          - a.org", SdlValue, "services.web.expose[0].accept[1]"),
    ("units: 0.5", "units: 0.005", SdlLimit, "profiles.compute.small.resources.cpu.units"),
    ("units: 0.5", "units: 385", SdlLimit, "profiles.compute.small.resources.cpu.units"),
    ("size: 512Mi", "size: 512M", SdlValue, "profiles.compute.small.resources.memory.size"),
    ("size: 512Mi", "size: 3Ti", SdlLimit, "profiles.compute.small.resources.memory.size"),
    ("size: 1Gi", "size: 4Mi", SdlLimit, "profiles.compute.small.resources.storage"),
    ("count: 2", "count: 51", SdlLimit, "deployment.web.anywhere.count"),
    ("count: 2", "count: 1.5", SdlValue, "deployment.web.anywhere.count"),
    ("count: 2", 'count: "2"', SdlValue, "deployment.web.anywhere.count"),
    ("amount: 1000", "amount: 0", SdlValue, "profiles.placement.anywhere.pricing.small.amount"),
    ("amount: 1000", "amount: 1e3", SdlValue, "profiles.placement.anywhere.pricing.small.amount"),
    ("amount: 1000", "amount: -1", SdlValue, "profiles.placement.anywhere.pricing.small.amount"),
    ("amount: 1000", "amount: 5000001", SdlLimit, "profiles.placement.anywhere.pricing.small.amount"),
    ("denom: uakt", "denom: $", SdlValue, "profiles.placement.anywhere.pricing.small.denom"),
    ("size: 1Gi", "size: 1Gi\n        gpu: {units: 1}", SdlField,
     "profiles.compute.small.resources.gpu.attributes"),
    ("    small:\n      resources:", "    small:\n    other:\n      resources:", SdlField,
     "profiles.compute.small"),
    ("port: 80\n", "port: 80\n        proto: sctp\n", SdlValue, "services.web.expose[0].proto"),
    ("port: 80\n", "port: 80\n        http_options: {next_cases: [off, error]}\n", SdlValue,
     "services.web.expose[0].http_options.next_cases"),
    ("port: 80\n", "port: 80\n        http_options: {read_timeout: 60001}\n", SdlValue,
     "services.web.expose[0].http_options.read_timeout"),
    ("image: nginx:1.27", "image: nginx\n    params: {storage: {data: {mount: /d}}}", SdlReference,
     "services.web.params.storage.data"),
    ("image: nginx:1.27", "image: nginx\n    params: {storage: {default: {mount: d}}}", SdlValue,
     "services.web.params.storage.default"),
    ("image: nginx:1.27", "image: nginx\n    credentials: {host: h, username: u}", SdlField,
     "services.web.credentials.password"),
    ("image: nginx:1.27", "image: nginx\n    params: {tee: tpm}", SdlValue, "services.web.params.tee"),
    ('version: "2.0"', 'version: "1.5"', SdlValue, "version"),
    ("deployment:", "reclamation: {min_window: soon}\ndeployment:", SdlValue, "reclamation.min_window"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "kind", "path"), CASES, ids=[f"{c[3]}-{i}" for i, c in enumerate(CASES)]
)
def test_a_fault_is_refused_at_its_place(simple, old, new, kind, path):
    error = refuse(spoil(simple, old, new))
    assert (type(error), error.path) == (kind, path), str(error)
    assert error.hint


BENT = [
    ("image: nginx:1.27", "image: nginx\n    depends_on: [db]", "services.web.depends_on"),
    (
        "      attributes:\n        region: eu-west\n",
        "      attributes:\n",
        "profiles.placement.anywhere.attributes",
    ),
    ("denom: uakt", "denom: doge", "profiles.placement.anywhere.pricing.small.denom"),
    ("global: true", "global: yes", "services.web.expose[0].to[0].global"),
    ('version: "2.0"', "version: 2.0", "version"),
    ('version: "2.0"', 'version: "2.7"', "version"),
    ("image: nginx:1.27", "image: 5", "services.web.image"),
    ("deployment:", "reclamation: {min_window: 1h30m}\ndeployment:", "reclamation.min_window"),
]


@pytest.mark.parametrize(("old", "new", "path"), BENT, ids=[f"{c[2]}-{i}" for i, c in enumerate(BENT)])
def test_what_real_files_do_is_a_warning_and_strict_mode_refuses_it(simple, old, new, path):
    text = spoil(simple, old, new)
    assert [warning.path for warning in parse(text).warnings] == [path]
    error = refuse(text, strict=True)
    assert error.path == path


def test_services_that_share_a_profile_share_a_unit_from_2_1_on(simple):
    two = spoil(
        simple,
        "profiles:",
        "  api:\n    image: api\n    expose: [{port: 81, to: [{global: true}]}]\nprofiles:",
    )
    two += "  api:\n    anywhere: {profile: small, count: 3}\n"
    apart, together = parse(two), parse(spoil(two, '"2.0"', '"2.1"'))
    assert [unit.count for unit in apart.groups[0].units] == [3, 2]
    assert [unit.count for unit in together.groups[0].units] == [5]
    assert [s.resource.id for s in apart.manifest[0].services] == [1, 2]
    assert [s.resource.id for s in together.manifest[0].services] == [1, 1]
    assert [e.kind for e in together.groups[0].units[0].resource.endpoints] == [1, 0]


def test_addresses_are_numbered_over_targets_of_all_kinds(simple):
    text = spoil(
        simple, "          - global: true", "          - {global: true, ip: bb}\n          - service: web"
    )
    text = spoil(text, "        to:", "        as: 8080\n        to:").replace(
        "        accept:\n          - www.example.com\n", ""
    )
    deployment = parse(text + "endpoints:\n  bb: {kind: ip}\n")
    assert [(e.service, e.ip, e.sequence) for e in deployment.manifest[0].services[0].expose] == [
        ("", "bb", 2),
        ("web", "", 0),
    ]


def test_volumes_go_by_size_and_equals_as_the_reference_leaves_them(simple):
    volumes = "storage: [{name: a, size: 2Gi}, {name: b, size: 1Gi}, {name: c, size: 1Gi}]"
    deployment = parse(spoil(simple, "storage:\n          size: 1Gi", volumes))
    assert [volume.name for volume in deployment.groups[0].units[0].resource.storage] == ["c", "b", "a"]


def test_gpu_models_become_sorted_attributes(simple):
    models = "[{model: h100, ram: 80Gi, interface: sxm}, {model: a100}]"
    gpu = f"size: 1Gi\n        gpu: {{units: 2, attributes: {{vendor: {{nvidia: {models}}}}}}}"
    resource = parse(spoil(simple, "size: 1Gi", gpu), strict=True).groups[0].units[0].resource
    assert resource.gpu == 2
    assert resource.gpu_attributes == (
        ("vendor/nvidia/model/a100", "true"),
        ("vendor/nvidia/model/h100/ram/80Gi/interface/sxm", "true"),
    )
    any_model = gpu.replace(models, "")
    resource = parse(spoil(simple, "size: 1Gi", any_model), strict=True).groups[0].units[0].resource
    assert resource.gpu_attributes == (("vendor/nvidia/model/*", "true"),)


def test_prices_keep_18_decimals(simple):
    deployment = parse(spoil(simple, "amount: 1000", "amount: 0.000000000000000001"))
    assert deployment.groups[0].units[0].price == 1
    assert deployment.group_specs_json()[0]["resources"][0]["price"]["amount"] == "0.000000000000000001"


def test_prices_of_one_deployment_are_in_one_denomination(simple):
    text = spoil(
        simple, "deployment:", "    there: {pricing: {small: {denom: uact, amount: 1}}}\ndeployment:"
    )
    text += "    there: {profile: small, count: 1}\n"
    text = text.replace("        accept:\n          - www.example.com\n", "")
    error = refuse(text)
    assert error.path == "profiles.placement.there.pricing.small.denom"


def test_operator_may_set_other_limits(simple):
    with pytest.raises(SdlLimit):
        parse(simple, limits=Limits(count=(1, 1)))


def test_registry_password_is_in_the_manifest_and_in_no_repr(simple):
    text = spoil(
        simple, "image: nginx:1.27", "image: x\n    credentials: {host: h, username: u, password: hunter22}"
    )
    deployment = parse(text)
    assert "hunter22" in json.dumps(deployment.manifest_json())
    assert "hunter22" not in repr(deployment)
    short = refuse(text.replace("hunter22", "hunt"), strict=True)
    assert "hunt" not in json.dumps([problem.to_json() for problem in short.problems]).replace("hunter", "")


def test_command_prints_table_and_hash_and_json(simple, tmp_path):
    path = tmp_path / "deploy.yaml"
    path.write_text(simple)
    shown = CliRunner().invoke(app, ["check", str(path), "--strict"])
    assert shown.exit_code == 0
    assert "web" in shown.stdout
    assert parse(simple).hash.hex() in shown.stdout
    assert shown.stdout.rstrip().splitlines()[-1].startswith("next: ")
    answer = json.loads(CliRunner().invoke(app, ["check", str(path), "--json"]).stdout)
    assert answer["hash"] == hash_manifest(answer["manifest"]).hex()
    assert answer["groups"] == parse(simple).group_specs_json()


def test_command_tells_every_problem_with_file_line_and_column(simple, tmp_path):
    path = tmp_path / "deploy.yaml"
    path.write_text(spoil(spoil(simple, "port: 80", "port: 0"), "count: 2", "count: x"))
    shown = CliRunner().invoke(app, ["check", str(path)])
    assert shown.exit_code == 2
    assert f"{path}:8:15: services.web.expose[0].port" in shown.stderr
    assert f"{path}:38:14: deployment.web.anywhere.count" in shown.stderr
    answer = json.loads(CliRunner().invoke(app, ["check", str(path), "--json"]).stdout)
    assert [(p["line"], p["column"]) for p in answer["error"]["problems"]] == [(8, 15), (38, 14)]


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_command_names_the_file_that_is_not_there(name, tmp_path):
    shown = CliRunner().invoke(app, ["check", str(tmp_path / name)])
    assert shown.exit_code == 1
    assert "not_found.sdl" in shown.stderr


def test_command_prints_the_schema():
    schema = json.loads(CliRunner().invoke(app, ["check", "--schema"]).stdout)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "services", "profiles", "deployment"]
