"""An archive from elsewhere: it is read no further than its sizes allow, and what is no archive not at all."""

import io
import json
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.faults.hostile import items, members_of, node, npy, pack, read_parts, refused, write_model, write_parts


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file as it should be."""
    return write_model(tmp_path_factory.mktemp("model") / "lda.zip")


def lying(content, name, says):
    """A zip archive whose member says that it unpacks to another size, at both places where that stands."""
    content = bytearray(content)
    for mark, offset, named in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        place = content.find(mark)
        while content[place + named : place + named + len(name)] != name.encode():
            place = content.find(mark, place + 1)
        content[place + offset : place + offset + 4] = struct.pack("<L", says)
    return bytes(content)


ZEROS = 120 * 2**20


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped, zipped.open("schema.json", "w") as member:
        for _ in range(ZEROS // 2**20):
            member.write(bytes(2**20))
    return file.getvalue()


def header(**fields):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (3,)} | fields)
    return file.getvalue()


def test_a_bomb_is_not_unpacked(model, tmp_path):
    card, estimator = read_parts(model)
    content = bomb()
    assert len(content) < 2**20
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("card.json", bytes(ZEROS))
        file.writestr("model.skops", estimator)
    write_parts(tmp_path / "inner.zip", card, content)
    write_parts(tmp_path / "lies.zip", card, lying(content, "schema.json", 900))
    tracemalloc.start()
    refused(tmp_path / "outer.zip", "bytes that unpack to 125,")
    refused(tmp_path / "inner.zip", "bytes that unpack to 125,829,120")
    refused(tmp_path / "lies.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * 2**20, f"{peak / 2**20:.0f} MiB"


def test_an_array_that_is_named_often_is_not_made_often(model, tmp_path):
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    members["1.npy"] = npy(np.zeros(2**20))
    array = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    schema["content"]["content"]["extra"] = items(*[array] * 20, kind="List")
    schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    refused(write_parts(tmp_path / "often.zip", card, pack(members, schema)), "arrays of more than")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        header() + bytes(23),
        header() + bytes(25),
        header(shape=(2**60,)),
        header(shape=(2**31, 2**31, 2**31)),
        header(shape=(-3,)) + bytes(24),
        header(descr="<V0", shape=(2**60,)),
        header(descr="|O", shape=(3,)) + bytes(24),
        header(descr=[("a", "|O")], shape=(3,)) + bytes(24),
        npy(np.array([print], dtype=object), allow_pickle=True),
        npy(np.full(3, np.nan)),
        npy(np.zeros((3, 7, 2))),
        npy(np.array(["a", "b", "c"])),
    ],
)
def test_an_array_that_is_none_is_refused(model, tmp_path, content):
    card, estimator = read_parts(model)
    members, schema = members_of(estimator)
    steps = schema["content"]["content"]["steps"]["content"]
    scale = next(step for step in steps if json.loads(step["content"][0]["content"]) == "standardscaler")
    members[scale["content"][1]["content"]["content"]["mean_"]["file"]] = content
    refused(write_parts(tmp_path / "array.zip", card, pack(members, schema)))


def archive(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_of_another_form_are_refused(model, tmp_path):
    whole = model.read_bytes()
    card, estimator = read_parts(model)
    parts = [("card.json", json.dumps(card)), ("model.skops", estimator)]
    members, schema = members_of(estimator)
    files = {
        "empty": b"",
        "no zip": b"no zip at all, but long enough to be one",
        "commented": whole[:-2] + b"\x04\x00evil",
        "three members": archive(*parts, ("../../evil", b"harm")),
        "slip": archive(("../card.json", b"{}"), parts[1]),
        "member twice": archive(*parts, parts[0])[:-1] + b"\x00",
        "only a card": archive(parts[0]),
        "nested": archive(("model.zip", whole)),
        "large directory": whole[:-10] + struct.pack("<L", 2**31) + whole[-6:],
    }
    files |= {f"cut at {end}": whole[:end] for end in range(0, len(whole), len(whole) // 9)}
    start = whole.index(estimator)
    for place in (*range(40, start - 50, 200), *range(start, start + len(estimator), len(estimator) // 30)):
        files[f"byte {place}"] = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
    for name, content in files.items():
        (tmp_path / "other.zip").write_bytes(content)
        try:
            refused(tmp_path / "other.zip")
        except pytest.fail.Exception:
            pytest.fail(f"{name} is accepted")
    inner = {
        "twice": archive(("schema.json", json.dumps(schema)), ("schema.json", b"{}")),
        "deep": pack(members, None).replace(b"null", b"nul["),
        "many": archive(*((f"{i}.npy", b"") for i in range(50_001))),
        "no schema": archive(*members.items()),
        "deep schema": archive(("schema.json", "[" * 100_000)),
        "wide schema": archive(("schema.json", "[" + 2_000_000 * "[]," + "0]")),
        "no object": archive(("schema.json", "[]")),
    }
    for content in inner.values():
        refused(write_parts(tmp_path / "inner.zip", card, content))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    for path in (tmp_path / "pipe.zip", tmp_path, "/dev/zero", tmp_path / "nowhere.zip"):
        refused(path, "cannot read")
    with open(tmp_path / "sparse.zip", "wb") as file:
        file.truncate(60 * 2**30)
    refused(tmp_path / "sparse.zip", "cannot read .* at most 2,146,435,072 are read")
