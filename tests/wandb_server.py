"""A stand-in for W&B on loopback: it keeps what the real client sends, and can fall silent."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROJECT = {"id": "p", "name": "p", "entity": {"id": "e", "name": "me"}}


class Server(ThreadingHTTPServer):
    """Its runs by id, the files put to it and every request's text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.bodies: list[bytes] = []
        self.takes = 1_000_000  # steps of a run, then it falls silent
        self.speaking = threading.Event()
        self.speaking.set()
        self.takes_models = threading.Event()
        self.takes_models.set()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error here."""

    def recover(self) -> None:
        """Speak again and take everything."""
        self.takes = 1_000_000
        self.speaking.set()
        self.takes_models.set()

    def close(self) -> None:
        self.recover()
        self.shutdown()
        self.server_close()

    def lines(self, place: str) -> list[dict[str, Any]]:
        """The history of the run whose id ends in place."""
        (run,) = [run for id, run in self.runs.items() if id.endswith(f"-{place}")]
        return run["lines"]

    def summary(self, place: str) -> dict[str, Any]:
        (content,) = [content for path, content in self.files.items() if path.endswith(f"-{place}/wandb-summary.json")]
        return json.loads(content)


class Handler(BaseHTTPRequestHandler):
    """The few operations that the client cannot do without."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            asked = json.loads(body)
            named = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            name = named.group(1) if named else "Viewer"  # the one that older clients ask without a name
            answer = getattr(self, f"answer_{name}", None)
            if answer is None:
                return self._reply({"errors": [{"message": f"unknown {name}"}], "data": None})
            return self._reply({"data": answer(asked.get("variables") or {})})
        if self.path.endswith("/file_stream"):
            run = self.server.runs[self.path.split("/")[-2]]
            sent = json.loads(body)
            chunk = sent.get("files", {}).get("wandb-history.jsonl")
            if chunk:
                rows = [json.loads(line) for line in chunk["content"]]
                run["lines"][chunk["offset"] : chunk["offset"] + len(rows)] = rows
                if len(run["lines"]) > self.server.takes:
                    del run["lines"][self.server.takes :]
                    self.server.speaking.clear()
                    self.server.speaking.wait()
            run["complete"] = sent.get("complete", False)
            return self._reply({"limits": {}})
        return self._reply({}, 404)

    def do_GET(self) -> None:
        self._reply({}, 404)

    def do_PUT(self) -> None:
        body = self._body()
        if self.path.startswith("/put/a"):  # of an artifact
            self.server.takes_models.wait()
        self.server.files[self.path] = body
        self._reply({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.bodies.append(body)
        self.server.speaking.wait()
        return body

    def _reply(self, content: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def answer_Viewer(self, _: dict[str, Any]) -> Any:
        return {"viewer": {"id": "u", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}

    def answer_ServerFeaturesQuery(self, _: dict[str, Any]) -> Any:
        return {"serverInfo": {"features": []}}

    def answer_RunResumeStatus(self, asked: dict[str, Any]) -> Any:
        run = self.server.runs.get(asked["name"])
        if run is None:
            return {"model": {**PROJECT, "bucket": None}}
        tail = json.dumps([json.dumps(line) for line in run["lines"][-1:]])
        known = {"id": asked["name"], "name": asked["name"], "historyLineCount": len(run["lines"]), "historyTail": tail}
        empty = {"summaryMetrics": "{}", "logLineCount": 0, "eventsLineCount": 0, "eventsTail": "[]", "tags": []}
        return {"model": {**PROJECT, "bucket": {**known, **empty, "config": "{}", "wandbConfig": '{"t":1}'}}}

    def answer_UpsertBucket(self, asked: dict[str, Any]) -> Any:
        begun = asked["name"] in self.server.runs
        run = self.server.runs.setdefault(asked["name"], {"lines": []})
        run |= {name: value for name, value in asked.items() if value is not None}
        bucket = {"id": asked["name"], "name": asked["name"], "displayName": run.get("displayName"), "description": ""}
        bucket |= {"config": run.get("config"), "historyLineCount": len(run["lines"])}
        bucket |= {"project": PROJECT | {"name": run["project"]}}
        return {"upsertBucket": {"bucket": bucket, "inserted": not begun}}

    def answer_CreateRunFiles(self, asked: dict[str, Any]) -> Any:
        files = [{"name": name, "uploadUrl": self._place(asked["run"], name)} for name in asked["files"]]
        return {"createRunFiles": {"runID": asked["run"], "uploadHeaders": [], "files": files}}

    def answer_CreateArtifact(self, asked: dict[str, Any]) -> Any:
        self.server.artifacts.append(asked["input"])
        made = {
            "id": f"a{len(self.server.artifacts)}",
            "state": "PENDING",
            "artifactSequence": {"latestArtifact": None},
        }
        return {"createArtifact": {"artifact": made}}

    def answer_CreateArtifactManifest(self, asked: dict[str, Any]) -> Any:
        file = {"id": "f", "uploadUrl": self._place(asked["artifactID"], "manifest"), "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": file}}}

    def answer_CreateArtifactFiles(self, asked: dict[str, Any]) -> Any:
        edges = []
        for file in asked["input"]["artifactFiles"]:
            url = self._place(file["artifactID"], file["name"])
            node = {"storagePath": "s", "uploadUrl": url, "uploadHeaders": [], "uploadMultipartUrls": None}
            edges.append({"node": {**node, "artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def answer_CommitArtifact(self, asked: dict[str, Any]) -> Any:
        return {"commitArtifact": {"artifact": {"id": asked["artifactID"], "digest": "d"}}}

    def answer_ArtifactByID(self, asked: dict[str, Any]) -> Any:
        home = {"id": "UHJvamVjdDp2MTpw", "internalId": "UHJvamVjdEludGVybmFsSWQ6MQ==", "name": "p"}
        sequence = {"__typename": "ArtifactSequence", "name": "m", "project": {**home, "entity": {"name": "me"}}}
        numbers = {"versionIndex": 0, "ttlDurationSeconds": -2, "historyStep": 0, "size": 5, "fileCount": 1}
        texts = {"state": "COMMITTED", "digest": "d", "commitHash": "c", "createdAt": "2026-01-01T00:00:00Z"}
        rest = {"description": None, "metadata": "{}", "ttlIsInherited": True, "tags": [], "aliases": []}
        found = {"__typename": "Artifact", "id": asked["id"], "artifactSequence": sequence, "updatedAt": None}
        return {"artifact": {**found, "artifactType": {"name": "model"}, **numbers, **texts, **rest}}

    def _place(self, *parts: str) -> str:
        return "/".join([self.server.url, "put", *parts])
