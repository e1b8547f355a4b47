"""Results in S3-compatible storage (docs/storage.md): the tiny workflow against a local server."""

import shutil

import pytest

from benchmarks.plan import fabricate
from tests.workflow.conftest import TINY, Workflow
from tests.workflow.test_reruns import FROM_UKD, kill_when_stored

pytestmark = pytest.mark.slow
REASON = (
    "S3 needs the extra `s3`, and moto's server to be tested: `pip install -c constraints.txt -e '.[dev]'`"
)
BUCKET, PREFIX = "bucket", "ukd"
RUN = "results/darkroom/split0/seed1/teachers/flow"


@pytest.fixture(scope="module")
def address():
    """URL of a server that ends with this module; the keys, which it does not check, are in the environment."""
    pytest.importorskip("snakemake_storage_plugin_s3", reason=REASON)
    server = pytest.importorskip("moto.server", reason=REASON, exc_type=ImportError)
    server = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)  # any free one
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "any")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "any")
        server.start()
        yield "http://{}:{}".format(*server.get_host_and_port())
        server.stop()


@pytest.fixture(scope="module")
def objects(address):
    """Reads one object of the bucket."""
    boto3 = pytest.importorskip("boto3", reason=REASON)
    bucket = boto3.resource("s3", endpoint_url=address, region_name="us-east-1").Bucket(BUCKET)
    return lambda path: bucket.Object(f"{PREFIX}/{path}").get()["Body"].read()


@pytest.fixture(scope="module")
def stored(address):
    """Arguments of `snakemake` that keep results in storage."""
    place = ["--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/{PREFIX}"]
    return ["--storage-s3-endpoint-url", address, "--workflow-profile", "profiles/s3", *place]


@pytest.fixture(scope="module")
def first(tmp_path_factory, stored):
    """A working copy after a complete run with its results in storage."""
    workflow = Workflow(tmp_path_factory.mktemp("first"))
    workflow.run(*stored, "--configfile", TINY)
    return workflow


def test_the_tables_have_the_bytes_of_a_run_without_storage(first, objects, request):
    original = request.getfixturevalue("original")  # no argument: it would be made before this is skipped
    folder = original.folder / "results/darkroom/tables"
    for table in ("tiny", "data_clips", "data_measures"):  # Table 4 is of measured times
        for file in folder.glob(f"{table}.*"):
            assert objects(file.relative_to(original.folder)) == file.read_bytes()


def test_no_result_is_beside_the_storage(first):
    assert [path for path in (first.folder / "results").rglob("*") if path.is_file()] == []
    assert not (first.folder / "logs").exists()


def test_an_empty_folder_plans_nothing(first, workflow, stored):
    assert workflow.plan(*stored, "--configfile", TINY) == {}


def test_a_folder_with_the_provenance_of_the_first_sees_what_changed(first, workflow, stored, tmp_path):
    shutil.copytree(first.folder / ".snakemake/metadata", workflow.folder / ".snakemake/metadata")
    assert workflow.plan(*stored, "--configfile", TINY) == {}
    overlay = tmp_path / "tau.yaml"
    overlay.write_text("fusions: {ukd: {tau: 8}}\n")
    jobs = workflow.plan(*stored, "--configfile", TINY, str(overlay))
    assert jobs.items() >= FROM_UKD.items() and "train_teacher" not in jobs


def test_a_killed_training_resumes(first, stored, objects, tmp_path):
    overlay = tmp_path / "seed.yaml"
    overlay.write_text("run: {seeds: [1]}\nrecipes: {train: {epochs: 12}}\n")
    target = [f"{RUN}/checkpoint.safetensors", *stored, "--configfile", TINY, str(overlay)]
    kill_when_stored(first, [*target, "--cores", "1"], first.folder / RUN / "resume.pt")
    first.run("--unlock", *target)
    first.run(*target)
    assert b"resumed after" in objects("logs/train_teacher/darkroom_split0_seed1_flow.log")
    assert objects(f"{RUN}/history.csv").count(b"\n") == 1 + 12


def test_videos_stay_on_the_disk(workflow, stored):
    """A plan would not find them in the bucket."""
    fabricate(workflow.folder, 99)
    assert workflow.plan(*stored, "--configfile", "config/arid.yaml")["inspect_videos"] > 0


def test_not_retrieving_results_is_refused(workflow, stored):
    done = workflow.snakemake("--dry-run", *stored, "--not-retrieve-storage")
    assert done.returncode != 0 and "the scripts read files" in done.stdout + done.stderr
