"""A stand-in for Kaggle on loopback: what its client asks for, answered as Kaggle does, with faults on request."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

PAGE = 20
FOREVER = 600.0
USER, KEY, TOKEN, SIGNATURE = (
    "tester",
    "key-0123456789abcdef",
    "KGAT_0123456789abcdef",
    "Signature=sign-0123456789abcdef",
)


@dataclass
class Fault:
    """What goes wrong with the next requests whose path holds `at`."""

    at: str
    status: int = 0  # answer with this instead
    body: bytes = b""
    kind: str = ""  # of the body
    retry_after: str = ""
    cut: int = -1  # close the connection after so many bytes of the body
    hang: float = 0.0  # seconds before the answer, or behind what is sent of it; FOREVER: as long as there is a server
    drop: bool = False  # no answer at all
    after: bool = False  # do what was asked before failing
    times: int = 1
    then: Fault | None = None  # what goes wrong from here on


@dataclass
class State:
    """What the stand-in knows and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # listed sizes that differ from the true ones
    zipped: set[str] = field(default_factory=set)  # files that arrive as NAME.zip
    submissions: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    uploads: dict[str, bytes] = field(default_factory=dict)
    board: list[tuple[str, float]] = field(default_factory=list)
    private: list[tuple[str, float]] = field(default_factory=list)
    board_download: bool = True
    looks: int = 1  # listings that a submission stays pending for
    score: str = "0.87"
    error: str = ""  # why submissions fail
    daily: int = 5
    slug: str = ""
    joined: bool = True
    code: bool = False
    closed: bool = False
    ended: bool = False
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def count(self, name: str) -> int:
        """How often something was asked for."""
        return sum(name in path for path, _ in self.asked)

    def next_fault(self, path: str) -> Fault | None:
        """The fault that this request meets."""
        fault = next((each for each in self.faults if each.at in path and each.times > 0), None)
        if fault is not None:
            fault.times -= 1
            self.faults += [fault.then] if fault.then is not None else []
        return fault


class Refused(Exception):
    """An answer with a status of its own."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One request; the server carries the state."""

    protocol_version = "HTTP/1.1"
    server: Server

    @property
    def state(self) -> State:
        return self.server.state

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is printed."""

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self.state.asked.append((path, body))
        fault = self.state.next_fault(path)
        if fault is not None and not fault.after and self.fail(fault):
            return
        try:
            self.check_credentials(path)
            answer = getattr(self, path.rsplit("/", 1)[-1])(body)
        except Refused as refused:
            self.answer(refused.status, json.dumps({"code": refused.status, "message": str(refused)}).encode())
            return
        if fault is not None and fault.after and self.fail(fault):
            return
        if answer is not None:
            self.answer(200, json.dumps(answer).encode())

    def do_PUT(self) -> None:
        path = urlsplit(self.path).path
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.state.asked.append((path, len(content)))
        fault = self.state.next_fault(path)
        if fault is not None and self.fail(fault):
            return None
        token = path.rsplit("/", 1)[-1]
        if self.headers.get("Content-Range", "").startswith("bytes */") and token not in self.state.uploads:
            return self.answer(308, b"")  # asked how much is there: nothing
        if not self.headers.get("Content-Range"):
            self.state.uploads[token] = content
        return self.answer(200, b"{}")

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append((path, None))
        self.state.ranges.append(self.headers.get("Range", ""))
        name = path.removeprefix("/storage/")
        content = self.content(name)
        fault = self.state.next_fault(f"{path} {self.headers.get('Accept-Encoding')}")
        if fault is not None and fault.cut < 0 and self.fail(fault):
            return
        mark = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        start, status = 0, 200
        if self.headers.get("Range") and self.headers.get("If-Range") == mark:
            start, status = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")), 206
        headers = {"ETag": mark, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(status, content[start:], headers, fault.cut if fault is not None else -1)
        if fault is not None:
            self.wfile.flush()
            self.server.closing.wait(fault.hang)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int = -1) -> None:
        """Send an answer, or the beginning of one."""
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut < 0 else body[:cut])
        self.close_connection = self.close_connection or cut >= 0

    def fail(self, fault: Fault) -> bool:
        """Whether the fault is all the answer there is."""
        if fault.hang and self.server.closing.wait(fault.hang):
            self.close_connection = True
            return True
        if fault.drop:
            self.close_connection = True
            return True
        if fault.status:
            kind = fault.kind or ("application/json" if fault.body else "text/plain")
            headers = {"Content-Type": kind} | ({"Retry-After": fault.retry_after} if fault.retry_after else {})
            self.answer(fault.status, fault.body, headers)
        return bool(fault.status)

    def check_credentials(self, path: str) -> None:
        basic = "Basic " + base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        if "IntrospectToken" not in path and self.headers.get("Authorization") not in (basic, f"Bearer {TOKEN}"):
            raise Refused(401, "Unauthenticated")

    def check_slug(self, body: dict[str, Any]) -> None:
        if body.get("competitionName") != self.state.slug:
            raise Refused(404, "Not found")

    def check_joined(self, body: dict[str, Any]) -> None:
        self.check_slug(body)
        if not self.state.joined:
            raise Refused(403, "")

    def IntrospectToken(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"active": body.get("token") == TOKEN, "username": USER}

    def ListDataFiles(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_joined(body)
        start = int(body.get("pageToken") or 0)
        names = list(self.state.files)[start : start + PAGE]
        more = start + PAGE < len(self.state.files)
        listed = [{"name": name, "totalBytes": self.state.sizes.get(name, self.size(name))} for name in names]
        return {"files": listed, "nextPageToken": str(start + PAGE) if more else ""}

    def size(self, name: str) -> int:
        return len(self.state.files[name])

    def content(self, name: str) -> bytes:
        """What is stored under a name, zipped if the name says so."""
        if name in self.state.files:
            return self.state.files[name]
        if name == f"{self.state.slug}.zip":
            return zipped(self.state.files)
        return zipped({name.rsplit("/", 1)[-1].removesuffix(".zip"): self.state.files[name.removesuffix(".zip")]})

    def DownloadDataFile(self, body: dict[str, Any]) -> None:
        self.check_joined(body)
        name = body["fileName"]
        self.redirect(f"{name}.zip" if name in self.state.zipped else name)

    def DownloadDataFiles(self, body: dict[str, Any]) -> None:
        self.check_joined(body)
        self.redirect(f"{self.state.slug}.zip")

    def redirect(self, name: str) -> None:
        self.send_response(302)
        self.send_header("Location", f"{self.server.url}/storage/{quote(name)}?{SIGNATURE}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def GetSubmissionLimits(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_slug(body)
        made = len(self.state.submissions)
        left = max(0, self.state.daily - made) if self.state.joined else 0
        return {"numToday": made, "numTotal": made, "numAllowedNow": left, "limitedByTotal": False}

    def GetCompetition(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_slug(body)
        deadline = datetime.now(UTC) + timedelta(days=-1 if self.state.ended else 1)
        return {
            "ref": self.state.slug,
            "userHasEntered": self.state.joined,
            "submissionsDisabled": self.state.closed,
            "isKernelsSubmissionsOnly": self.state.code,
            "deadline": deadline.replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
        }

    def StartSubmissionUpload(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_joined(body)
        token = f"{next(self.server.numbers)}-{body['fileName']}"
        return {"token": token, "createUrl": f"{self.server.url}/upload/{quote(token)}?{SIGNATURE}"}

    def CreateSubmission(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_joined(body)
        if self.state.closed or self.state.code:
            raise Refused(400, "")
        if len(self.state.submissions) >= self.state.daily:
            raise Refused(400, "Your team has used its daily Submission allowance (5) today")
        token = unquote(body["blobFileTokens"])
        return self.submitted(body, token.split("-", 1)[1], len(self.state.uploads[quote(token)]))

    def submitted(self, body: dict[str, Any], name: str, size: int) -> dict[str, Any]:
        """A submission that waits for its score."""
        ref = 50_000_000 + next(self.server.numbers)
        self.state.submissions.append(
            {
                "ref": ref,
                "fileName": name,
                "date": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
                "description": body.get("submissionDescription", ""),
                "status": "PENDING",
                "looks": self.state.looks,
                "totalBytes": size,
            }
        )
        return {"message": "Successfully submitted", "ref": ref}

    def ListSubmissions(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_joined(body)
        start = int(body.get("pageToken") or 0)
        newest = self.state.submissions[::-1]
        answer = [
            {key: value for key, value in each.items() if key != "looks"} for each in newest[start : start + PAGE]
        ]
        for each in self.state.submissions:
            each["looks"] -= 1
            if each["status"] == "PENDING" and each["looks"] < 0:
                each |= {"status": "ERROR", "errorDescription": self.state.error} if self.state.error else {}
                each |= {} if self.state.error else {"status": "COMPLETE", "publicScore": self.state.score}
        return {"submissions": answer, "nextPageToken": str(start + PAGE) if start + PAGE < len(newest) else ""}

    def GetLeaderboard(self, body: dict[str, Any]) -> dict[str, Any]:
        self.check_slug(body)
        private = self.state.private if self.state.ended and not body.get("overridePublic") else []
        board, start = private or self.state.board, int(body.get("pageToken") or 0)
        lines = [
            {"teamId": number, "teamName": name, "submissionDate": "2022-01-01T00:00:00Z", "score": str(score)}
            for number, (name, score) in enumerate(board, 1)
        ]
        more = start + PAGE < len(lines)
        return {"submissions": lines[start : start + PAGE], "nextPageToken": str(start + PAGE) if more else ""}

    def DownloadLeaderboard(self, body: dict[str, Any]) -> None:
        self.check_slug(body)
        if not self.state.board_download:
            raise Refused(404, "Not found")
        lines = ["Rank,TeamId,TeamName,LastSubmissionDate,Score"]
        lines += [
            f"{at},{at},{name},2022-01-01 00:00:00,{score}" for at, (name, score) in enumerate(self.state.board, 1)
        ]
        packed = zipped({f"{self.state.slug}-publicleaderboard.csv": "\n".join(lines).encode("utf-8-sig")})
        self.answer(200, packed, {"Content-Type": "application/zip"})


class Server(ThreadingHTTPServer):
    """The stand-in; threads end with it."""

    daemon_threads = True

    def __init__(self, state: State) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = state
        self.numbers = itertools.count(1)
        self.closing = threading.Event()  # ends every hanging
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error here."""


@contextmanager
def serving(state: State) -> Iterator[Server]:
    """The stand-in at work."""
    server = Server(state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
