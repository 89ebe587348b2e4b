"""A host with the stock TUF client and nothing else: what it would have made of an attack."""

from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater, UpdaterConfig
from urllib3.exceptions import HTTPError

from tests.attack.stage import HOST_SCOPE, Stage

REJECTING = (RepositoryError, DownloadError, HTTPError, OSError, ValueError, RecursionError)
PATHS = (
    "emergency/deny.json",
    *(f"{s}/{n}.json" for s in ("acme", "acme.pay", HOST_SCOPE) for n in ("deny", "list")),
)


class StockHost:
    """It adopts the honest list at once; `outcome` is asked after the attack."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self._stage = stage
        self._root = stage.root_file.read_bytes()
        self._directory = directory
        self._payload = directory / "payload"
        self._payload.mkdir(parents=True)
        self._source = stage.server.url  # the stock client reads no folders
        self._update()

    def outcome(self) -> str:
        """`accepted` when it now has other files than before; else what it said."""
        if self._stage.enforced().generation == 0:
            for file in self._directory.rglob("*.json"):
                file.unlink()
        before = self._files()
        try:
            self._update()
        except REJECTING as error:
            return f"rejected: {type(error).__name__}"
        return "accepted" if self._files() != before else "nothing new"

    def _update(self) -> None:
        metadata = self._directory / "metadata"
        metadata.mkdir(exist_ok=True)
        updater = Updater(
            str(metadata),
            f"{self._source}/metadata/",
            str(self._payload),
            f"{self._source}/targets/",
            config=UpdaterConfig(targets_max_length=1_000_000),
            bootstrap=self._root,
        )
        # It reads the machine's clock and has no other way to get a test's time.
        updater._trusted_set.reference_time = self._stage.now
        for path in PATHS:
            info = updater.get_targetinfo(path)
            if info is not None and updater.find_cached_target(info) is None:
                updater.download_target(info)

    def _files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self._payload.iterdir()}
