"""Only content decides: anything can have any name, tag, label or recorded digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.allowlist.allowlist import Level
from core.image.digest import Digest
from tests.lab import archives, images
from tests.lab.agent import SCOPE, LabAgent, approve
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.registry import Registry
from tests.lab.trials import Trials

Maker = Callable[..., BuiltImage]
MakeTrials = Callable[..., Trials]
HERE = "linux/amd64"
CLASSIC = {"DOCKER_BUILDKIT": "0"}
BUILDKIT = {"DOCKER_BUILDKIT": "1"}


def image_id(host: LabHost, reference: str) -> str:
    """The engine's ID of an image."""
    return str(json.loads(host.docker("image", "inspect", reference).stdout)[0]["Id"])


def refusals(agent: LabAgent, image: str) -> list[dict[str, Any]]:
    """What was refused of one image, by its ID."""
    found = agent.findings(event="container.refused")
    return [one for one in found if one["container"]["image"]["id"] == image]


def build(
    host: LabHost, folder: Path, tag: str, *lines: str, environment: dict[str, str], check: bool
) -> str:
    """`docker build` without any network; what it said."""
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    (folder / "added").write_text(tag)
    command = ("build", "--network=none", "-t", tag, str(folder))
    done = host.docker(*command, environment=environment, check=check)
    assert check or done.returncode != 0, done.stdout
    return done.stdout + done.stderr


# Names and tags


def test_unapproved_content_under_an_approved_name_never_runs(
    trials: Trials, host: LabHost, registry: Registry, pull_image: Maker, bad: BuiltImage
) -> None:
    approved = pull_image()
    trials.agent.allow(approved)
    trials.runs(trials.run(approved))
    host.docker("tag", bad.reference(), approved.reference())
    trials.never_ran(trials.run(approved))
    registry.push(bad, repository=approved.repository, tag="moved")
    moved = approved.reference().replace(":1", ":moved").replace("127.0.0.moved", "127.0.0.1")
    host.docker("pull", "-q", moved)
    trials.never_ran(trials.run(moved))


def test_approved_content_under_any_name_runs(
    trials: Trials, host: LabHost, good: BuiltImage
) -> None:
    host.docker("tag", good.reference(), "evil.example/malware:latest")
    trials.runs(trials.run("evil.example/malware:latest"))


def test_however_an_image_is_named_its_content_decides(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    def ways(image: BuiltImage) -> list[str]:
        full = image_id(host, image.reference())
        return [image.reference(), image.pinned(), full, full.removeprefix("sha256:")[:12]]

    for way in ways(bad):
        trials.never_ran(trials.run(way))
    for way in ways(good):
        trials.runs(trials.run(way))


def test_a_forged_repo_digest_convinces_nobody(
    trials: Trials, host: LabHost, good: BuiltImage, make_image: Maker, tmp_path: Path
) -> None:
    evil = make_image()
    archive = archives.forged_archive(evil, good, tmp_path / "forged.tar")
    loaded = host.docker("load", "-i", str(archive), check=False)
    evil_id = evil.config_digests[HERE] if host.store == "classic" else evil.top_digest
    status, described = host.api("GET", f"/images/{evil_id}/json")
    if host.store == "containerd":
        assert loaded.returncode == 0
        assert good.pinned() in described["RepoDigests"]
    if status == 200:  # 20.10 does not load such an archive at all
        trials.never_ran(trials.run(str(evil_id)))
    trials.runs(trials.run(good.pinned()))


def test_labels_cannot_speak_for_the_engine(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    lies = [
        *("--label", f"image={good.reference()}", "--label", "name=innocent"),
        *("--label", "exitCode=0", "--label", "signal=0", "--label", "execID=1"),
    ]
    trial = trials.run(bad, *lies)
    finding = trials.never_ran(trial)
    assert finding["container"]["claimed_reference"] == bad.reference()
    assert finding["container"]["name"] == trial.name
    assert trials.agent.findings(name="innocent") == []
    trials.runs(trials.run(good, "--label", f"image={bad.reference()}", "--label", "name=evil"))


def test_a_container_without_any_image_is_nothing_anybody_approved(
    trials: Trials, host: LabHost, good: BuiltImage, tmp_path: Path
) -> None:
    from tests.lab.probe import program

    (tmp_path / "probe").write_bytes(program())
    (tmp_path / "probe").chmod(0o755)
    probe = trials.probe()
    body = trials.body("", probe) | {
        "Cmd": ["/probes/probe", f"/probes/{probe.file.name}"],
        "Labels": {"image": good.reference()},
    }
    status, answer = host.api("POST", "/containers/create?name=no-image", body)
    if status == 201:
        host.api("POST", f"/containers/{answer['Id']}/start")
        finding = trials.agent.finding("no-image")
        assert finding["decision"]["verdict"] == "unlisted"
        assert finding["outcome"]["ran_ms"] == 0.0
    assert not probe.ran


# One image, many digests


@pytest.mark.parametrize("known", ["index", "manifests", "configs", "all"])
def test_a_multi_platform_image_is_known_by_the_digest_its_store_computes(
    trials: Trials, flavour: Flavour, pull_image: Maker, known: str
) -> None:
    """Why an approval lists all digests: each store shows other ones."""
    image = pull_image()
    part = {
        "index": {image.top_digest},
        "manifests": set(image.manifest_digests.values()),
        "configs": set(image.config_digests.values()),
        "all": set(image.digests),
    }[known]
    seen = {"classic": {"configs", "all"}, "containerd": {"index", "manifests", "all"}}
    approval = replace(approve(image), digests=frozenset(map(Digest.parse, part)))
    trials.agent.publish(Level(SCOPE, (approval,)))
    trial = trials.run(image)
    if known in seen[flavour.store]:
        trials.runs(trial)
    else:
        trials.never_ran(trial)


# Images that were made or brought here


def test_loaded_content_is_evaluated_like_pulled_content(
    trials: Trials, host: LabHost, make_image: Maker, tmp_path: Path
) -> None:
    evil, known = make_image(), make_image()
    write = archives.docker_archive if host.store == "classic" else archives.oci_archive
    for image in (evil, known):
        host.docker("load", "-i", str(write(image, tmp_path / "image.tar")))
    trials.agent.allow(known)
    trials.never_ran(trials.run(evil))
    trials.runs(trials.run(known))


def test_imported_content_is_unlisted(trials: Trials, host: LabHost, tmp_path: Path) -> None:
    layer = images.build("lab/root").images[0].layers[0].tar
    (tmp_path / "root.tar").write_bytes(layer)
    host.docker("import", str(tmp_path / "root.tar"), "imported:1")
    trials.never_ran(trials.run("imported:1"))


def test_a_commit_of_an_approved_container_is_unlisted(
    trials: Trials, host: LabHost, good: BuiltImage
) -> None:
    source = trials.run(good)
    trials.runs(source)
    host.docker("commit", source.name, "committed:1")
    trials.never_ran(trials.run("committed:1"))
    trials.runs(source)


def test_the_classic_builder_runs_only_approved_content(
    trials: Trials, host: LabHost, good: BuiltImage, tmp_path: Path
) -> None:
    """Its steps are containers: the first runs the approved base, the next what that made."""
    lines = (f"FROM {good.reference()}", "RUN echo one > /one")
    build(host, tmp_path, "classic:1", *lines, environment=CLASSIC, check=True)
    trials.never_ran(trials.run("classic:1"))
    more = (*lines, "RUN echo two > /two")
    build(host, tmp_path, "classic:2", *more, environment=CLASSIC, check=False)
    made = image_id(host, "classic:1")
    trials.agent.until(
        lambda: any("two" in one["container"]["command"] for one in refusals(trials.agent, made)),
        "the refusal of the second step",
    )


def test_buildkit_steps_are_refused_where_they_are_denied(
    trials: Trials, host: LabHost, good: BuiltImage, tmp_path: Path
) -> None:
    lines = (f"FROM {good.reference()}", "RUN echo ran > /ran")
    said = build(host, tmp_path, "refused:1", *lines, environment=BUILDKIT, check=False)
    assert "failed" in said or "error" in said.lower()
    finding = trials.agent.findings(event="build.refused")[-1]
    assert (finding["outcome"]["enforcement_point"], finding["outcome"]["ran_ms"]) == ("build", 0.0)
    copied = (f"FROM {good.reference()}", "COPY added /added")
    build(host, tmp_path, "copied:1", *copied, environment=BUILDKIT, check=True)
    trials.never_ran(trials.run("copied:1"))


@pytest.mark.parametrize(("policy", "findings"), [("report", ["build.reported"]), ("allow", [])])
def test_buildkit_steps_run_where_they_may(
    make_trials: MakeTrials,
    host: LabHost,
    good: BuiltImage,
    tmp_path: Path,
    policy: str,
    findings: list[str],
) -> None:
    trials = make_trials(enforcement={"build_steps": policy})
    tag = f"{policy}:1"
    lines = (f"FROM {good.reference()}", f"RUN echo {tag} > /ran")
    build(host, tmp_path, tag, *lines, environment=BUILDKIT, check=True)
    steps = [one for one in trials.agent.findings() if one["event"].startswith("build.")]
    assert [one["event"] for one in steps] == findings
    trials.never_ran(trials.run(tag))


def test_what_is_built_on_an_approved_image_runs_where_derived_images_may(
    make_trials: MakeTrials,
    host: LabHost,
    good: BuiltImage,
    bad: BuiltImage,
    tmp_path: Path,
) -> None:
    trials = make_trials(enforcement={"local_images": "derived", "build_steps": "allow"})
    trials.runs(source := trials.run(good))
    host.docker("commit", source.name, "derived:commit")
    step = (f"FROM {good.reference()}", "RUN echo one > /one", "RUN echo two > /two")
    build(host, tmp_path, "derived:classic", *step, environment=CLASSIC, check=True)
    build(host, tmp_path, "derived:buildkit", *step, environment=BUILDKIT, check=True)
    for tag in ("derived:commit", "derived:classic", "derived:buildkit"):
        trial = trials.run(tag)
        trial.probe.wait()
        finding = trials.agent.finding(trial.name)
        assert finding["event"] == "container.reported"
        assert finding["decision"]["verdict"] == "derived"
        assert good.repository in finding["decision"]["reason"]
        assert finding["decision"]["repository"] == good.repository
        trial.probe.wait_alive()
    copied = (f"FROM {bad.reference()}", "COPY added /added")
    build(host, tmp_path, "derived:bad", *copied, environment=BUILDKIT, check=True)
    trials.never_ran(trials.run("derived:bad"))
