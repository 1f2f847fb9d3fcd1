"""The stand-in for Kaggle, with kernels and datasets: what is saved, how sessions go, what they leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from tests.kaggle_server import Handler, Refused, Server, State
from tests.kaggling import aimed


@dataclass
class Kernels:
    """What the stand-in knows of kernels and datasets."""

    datasets: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)  # ref -> versions -> files
    saved: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING", "COMPLETE"])  # of a session, one a look
    failure: str = ""
    output: dict[str, bytes] = field(default_factory=dict)
    log: str = "the log"
    processing: int = 1  # looks at a new version until it is ready
    invalid: list[str] = field(default_factory=list)  # sources that a saved kernel goes without
    public: list[str] = field(default_factory=list)


class KernelHandler(Handler):
    """The stand-in's answers about kernels and datasets."""

    server: KernelServer

    @property
    def kernels(self) -> Kernels:
        return self.server.kernels

    def content(self, name: str) -> bytes:
        """An output file, or one of a competition's."""
        return self.kernels.output[name[7:]] if name.startswith("output/") else super().content(name)

    def GetDatasetStatus(self, body: dict[str, Any]) -> dict[str, Any]:
        ref = f"{body['ownerSlug']}/{body['datasetSlug']}"
        if ref not in self.kernels.datasets:
            raise Refused(403, "Permission 'datasets.get' was denied")
        self.server.looks[ref] = self.server.looks.get(ref, 0) - 1
        return {"status": "BLOBS_RECEIVED" if self.server.looks[ref] >= 0 else "READY"}

    def StartBlobUpload(self, body: dict[str, Any]) -> dict[str, Any]:
        token = f"{next(self.server.numbers)}-{body['name']}"
        return {"token": token, "createUrl": f"{self.server.url}/upload/{quote(token)}"}

    def CreateDataset(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("isPrivate"):
            self.kernels.public.append(body["slug"])
        ref = f"{body['ownerSlug']}/{body['slug']}"
        if ref in self.kernels.datasets:
            return {"status": "error", "error": "The requested slug is already in use"}
        return self.version(ref, body["files"])

    def CreateDatasetVersion(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.version(f"{body['ownerSlug']}/{body['datasetSlug']}", body["body"]["files"])

    def version(self, ref: str, files: list[dict[str, Any]]) -> dict[str, Any]:
        tokens = [unquote(each["token"]) for each in files]
        held = {token.split("-", 1)[1]: self.state.uploads[quote(token)] for token in tokens}
        self.kernels.datasets.setdefault(ref, []).append(held)
        self.server.looks[ref] = self.kernels.processing
        return {"ref": ref, "url": f"{self.server.url}/{ref}", "status": "ok"}

    def SaveKernel(self, body: dict[str, Any]) -> dict[str, Any]:
        self.kernels.saved.append(body)
        unknown = [ref for ref in body.get("datasetDataSources", []) if ref not in self.kernels.datasets]
        return {
            "ref": f"/code/{body['slug']}",
            "url": f"https://www.kaggle.com/code/{body['slug']}",
            "versionNumber": len(self.kernels.saved),
            "invalidDatasetSources": unknown + self.kernels.invalid,
        }

    def GetKernelSessionStatus(self, body: dict[str, Any]) -> dict[str, Any]:
        if f"{body['userName']}/{body['kernelSlug']}" not in [each["slug"] for each in self.kernels.saved]:
            raise Refused(403, "Permission 'kernels.get' was denied")
        states = self.kernels.states
        state = states.pop(0) if len(states) > 1 else states[0]
        return {"status": state} | ({"failureMessage": self.kernels.failure} if state == "ERROR" else {})

    def ListKernelSessionOutput(self, body: dict[str, Any]) -> dict[str, Any]:
        files = [{"fileName": name, "url": f"{self.server.url}/storage/output/{name}"} for name in self.kernels.output]
        return {"files": files, "log": self.kernels.log, "nextPageToken": ""}

    def CreateCodeSubmission(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_joined(body)
        if not self.state.code:
            raise Refused(400, "")
        if f"{body['kernelOwner']}/{body['kernelSlug']}" not in [each["slug"] for each in self.kernels.saved]:
            raise Refused(404, "Not found")
        return self.submitted(body, "", 0)


class KernelServer(Server):
    """The stand-in with kernels."""

    kernels: Kernels
    looks: dict[str, int]


@contextmanager
def kernels_at(monkeypatch, home, state: State | None = None) -> Iterator[tuple[KernelServer, Kernels]]:
    """The client of this process speaks to a stand-in that knows kernels."""
    with aimed(monkeypatch, home, state or State()) as server:
        server.RequestHandlerClass, server.kernels, server.looks = KernelHandler, Kernels(), {}
        yield server, server.kernels
