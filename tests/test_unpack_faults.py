"""Archives that are not what they should be: refused by name, nothing half-written."""

from __future__ import annotations

import errno
import resource
import signal
import stat
import struct
import sys
import zipfile
from pathlib import Path

import py7zr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packing import MAKERS, contents, packed, photos, unpack


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "data" / "invasive-species-monitoring"
    folder.mkdir(parents=True)
    return folder


NAMES = st.lists(
    st.sampled_from(["..", ".", "a", "b.jpg", "C:", "/", "//", "\\", "..\\", "a\x01", "é", " ", "..."]),
    min_size=1,
    max_size=5,
).flatmap(lambda parts: st.sampled_from(["/".join(parts), "".join(parts)]))


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_no_member_ever_lands_outside(tmp_path_factory, kind, name):
    above = tmp_path_factory.mktemp("above")
    root = above / "one" / "two"
    root.mkdir(parents=True)
    (root / f"train.{kind}").write_bytes(packed(kind, {"1.jpg": b"photo", name: b"evil"}))
    name = name.replace("\\", "/") if kind == "7z" else name  # as py7zr reads it
    leads_out = name.startswith(("/", "C:", ".//")) or ".." in name.split("/") or "\\" in name
    try:
        unpack(root, ["train"])
    except ValueError as error:
        assert repr(name) in str(error) or "a place of its own" in str(error)
        assert {*contents(above)} == {f"one/two/train.{kind}"}
    else:
        assert not leads_out
        assert all(path.startswith("one/two/train") for path in contents(above))
        assert (root / "train" / "1.jpg").exists()


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    "name", ["../evil.jpg", "train/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "..\\evil.jpg"]
)
def test_what_would_land_outside_is_refused_by_name(root, kind, name):
    (root / f"train.{kind}").write_bytes(packed(kind, {"1.jpg": b"photo", name: b"evil"}))
    with pytest.raises(ValueError, match=r"expected files that stay inside") as caught:
        unpack(root, ["train"])
    assert repr(name.replace("\\", "/") if kind == "7z" else name) in str(caught.value)
    assert f"train.{kind}" in str(caught.value)
    assert {*contents(root.parent.parent)} == {f"data/{root.name}/train.{kind}"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused_by_name(root, kind):
    with zipfile.ZipFile(root / "train.zip", "w") as archive:
        archive.writestr("1.jpg", b"photo")
        odd = zipfile.ZipInfo("2.jpg")
        odd.create_system, odd.external_attr = 3, (kind | 0o777) << 16
        archive.writestr(odd, "/etc/passwd")
    with pytest.raises(ValueError, match=r"'2\.jpg' \(a link, device"):
        unpack(root, ["train"])
    assert {*contents(root)} == {"train.zip"}


def test_links_in_a_7z_are_refused_by_name(root, tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(root / "train.7z", "w") as archive:
        archive.write(tmp_path / "link", "train/2.jpg")
    with pytest.raises(ValueError, match=r"'train/2\.jpg' \(a link, device"):
        unpack(root, ["train"])
    assert {*contents(root)} == {"train.7z"}


@pytest.mark.parametrize("kind", MAKERS)
def test_two_members_in_one_place_are_refused(root, kind):
    (root / f"train.{kind}").write_bytes(packed(kind, {"a": b"a file", "a/1.jpg": b"in a folder"}))
    with pytest.raises(ValueError, match="a place of its own"):
        unpack(root, ["train"])
    assert {*contents(root)} == {f"train.{kind}"}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_bomb_is_refused_by_name_before_it_goes_off(root, kind, monkeypatch):
    monkeypatch.setattr("pipelines.kaggle.members.ROOM", 10_000)
    bomb = packed(kind, {"1.jpg": b"photo", "2.jpg": bytes(5_000_000)})
    (root / f"train.{kind}").write_bytes(bomb)
    with pytest.raises(ValueError, match=r"'2\.jpg' alone 5 MB"):
        unpack(root, ["train"])
    (root / f"train.{kind}").unlink()
    (root / "outer.zip").write_bytes(packed("zip", {f"train.{kind}": bomb}))  # a bomb in an archive
    with pytest.raises(ValueError, match=r"'2\.jpg' alone 5 MB"):
        unpack(root, ["train"])
    assert {*contents(root)} == {"outer.zip"}


def test_too_many_members_are_refused(root, monkeypatch):
    monkeypatch.setattr("pipelines.kaggle.members.MOST", 7)
    (root / "train.zip").write_bytes(packed("zip", photos()))
    with pytest.raises(ValueError, match="at most 7 members, got 8"):
        unpack(root, ["train"])


@pytest.mark.parametrize("declared", [10, 4_000_000_000])
def test_a_zip_whose_header_lies_leaves_nothing(root, declared):
    whole = bytearray(packed("zip", {"1.jpg": bytes(100_000)}))
    entry = whole.index(b"PK\x01\x02")
    whole[entry + 24 : entry + 28] = struct.pack("<L", declared)
    (root / "train.zip").write_bytes(whole)
    with pytest.raises(ValueError, match=r"train\.zip: expected"):
        unpack(root, ["train"])
    assert {*contents(root)} == {"train.zip"}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_truncated_archive_is_an_error_that_names_it(root, kind, share):
    whole = packed(kind, photos())
    (root / f"train.{kind}").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=rf"train\.{kind}: expected a whole archive.*download it again"):
        unpack(root, ["train"])
    assert {*contents(root)} == {f"train.{kind}"}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_changed_byte_is_found(root, kind):
    whole = bytearray(packed(kind, photos()))
    whole[150] ^= 1
    (root / f"train.{kind}").write_bytes(whole)
    with pytest.raises(ValueError, match=rf"train\.{kind}: expected a whole archive"):
        unpack(root, ["train"])
    assert {*contents(root)} == {f"train.{kind}"}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_password_is_said(root, kind):
    whole = bytearray(packed(kind, photos(), password="secret"))
    if kind == "zip":
        whole[whole.index(b"PK\x01\x02") + 8] |= 1
    (root / f"train.{kind}").write_bytes(whole)
    with pytest.raises(ValueError, match=rf"train\.{kind}: expected an archive without a password"):
        unpack(root, ["train"])


def test_without_py7zr_the_error_says_what_to_install(root, monkeypatch):
    (root / "train.7z").write_bytes(packed("7z", photos()))
    monkeypatch.delitem(sys.modules, "pipelines.kaggle.sevenzip", raising=False)
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(ValueError, match=r'pip install "podium\[archive\]"'):
        unpack(root, ["train"])


def test_a_disk_too_small_is_said_before_anything_is_written(root, monkeypatch):
    (root / "train.zip").write_bytes(packed("zip", photos()))
    monkeypatch.setattr("pipelines.kaggle.unpack.free_disk", lambda folder: 1000)
    with pytest.raises(OSError, match=r"1e\+03 bytes where train\.zip takes|1 kB where train\.zip takes") as caught:
        unpack(root, ["train"])
    assert caught.value.errno == errno.ENOSPC
    assert {*contents(root)} == {"train.zip"}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_disk_that_fills_up_leaves_nothing_half_written(root, kind):
    (root / f"train.{kind}").write_bytes(packed(kind, photos() | {"9.jpg": bytes(50_000)}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"expected room to unpack .* free some and run again"):
            unpack(root, ["train"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert {*contents(root)} == {f"train.{kind}"}
    unpack(root, ["train"])
    assert (root / "train" / "9.jpg").stat().st_size == 50_000


def test_a_read_only_folder_is_said(root, monkeypatch):
    (root / "train.zip").write_bytes(packed("zip", photos()))

    def refuse(folder, *more, **named):
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match=r"read-only folder .* --data"):
        unpack(root, ["train"])
