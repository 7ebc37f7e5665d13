"""What a stranger's file, or name, must not be able to do: run code, spend memory, write elsewhere, enter a page."""

import ast
import html.parser
import io
import json
import re
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from study_sample import sample

import minigrad as mg
from minigrad import nn
from minigrad.study import report
from minigrad.study.records import Results

PACKAGE = Path(mg.__file__).parent
EXAMPLES = Path(__file__).parents[1] / "examples"
SOURCES = [*sorted(PACKAGE.rglob("*.py")), *sorted(EXAMPLES.rglob("*.py"))]

# ---------------------------------------------------------------------------------------------------- the source

MODULES = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code"}
CALLS = {"eval", "exec", "compile", "__import__", "mktemp", "extractall"}
ATTRIBUTES = {("os", "system"), ("os", "popen"), ("np", "load"), ("numpy", "load"), ("zipfile", "Path")}
# Each of these is used in one place, where it says why.
ALLOWED = {
    "subprocess": {"viz/dot.py"},  # starts Graphviz's `dot`: a list of arguments, no shell, the text on its input
    "multiprocessing": {"study/executors.py"},  # worker processes of the study, which send each other jobs and records
    "urllib": {"data/download.py"},  # downloads a data set if asked to; nothing is kept unless its checksum is right
    "runpy": {"study/additions.py"},  # runs the file of arms and tasks that the user names on the command line
    # both read members of an archive by name, after its checksum was right, and never extract
    "tarfile": {"data/cifar10.py", "examples/networks/record.py"},
    "ctypes": {"kernels/memory.py"},  # one call of the C library, with numbers: its allocator is to keep freed memory
    "socket": set(),
}


RUNS = {"torch/run.py", "torch/report.py"}  # run the script that the user names, as `python script.py` does


def place(path):
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else EXAMPLES.parent).as_posix()


def offences(path, source):
    """What the file does that minigrad does not do, with line numbers."""
    for node in ast.walk(ast.parse(source)):
        imported = []
        if isinstance(node, ast.Import):
            imported = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [(node.module or "").split(".")[0]]
        for name in imported:
            if name in MODULES or place(path) not in ALLOWED.get(name, {place(path)}):
                yield f"line {node.lineno}: import {name}"
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in CALLS and place(path) not in RUNS:
            yield f"line {node.lineno}: {node.func.id}()"
        if isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            spawns = owner == "os" and node.func.attr.startswith(("exec", "spawn", "posix_spawn"))
            if (owner, node.func.attr) in ATTRIBUTES or spawns or node.func.attr in ("mktemp", "extractall"):
                yield f"line {node.lineno}: {owner}.{node.func.attr}()"
        for keyword in node.keywords:
            if keyword.arg in ("shell", "allow_pickle") and getattr(keyword.value, "value", True) is not False:
                yield f"line {node.lineno}: {keyword.arg} not False"


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_source_has_no_pickle_no_eval_no_shell(path):
    if place(path).startswith("examples/"):
        ran = {"subprocess"}  # the benchmark starts each framework in a process of its own
        found = [o for o in offences(path, path.read_text(encoding="utf-8")) if o.split()[-1] not in ran]
    else:
        found = list(offences(path, path.read_text(encoding="utf-8")))
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "exec(source)",
        "__import__('os')",
        "import os; os.system('ls')",
        "import os; os.execvp('ls', [])",
        "np.load(path)",
        "read(path, allow_pickle=True)",
        "run('ls', shell=True)",
        "import subprocess",
        "archive.extractall(folder)",
    ],
)
def test_the_scan_sees_what_it_is_for(line):
    assert list(offences(PACKAGE / "tensor.py", line))


# ---------------------------------------------------------------------------------------------------- archives


def npy(shape=(2,), descr="<f4", data=b"\0" * 8, fortran=False):
    """A .npy file that says of itself what we like."""
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(*members, compression=zipfile.ZIP_STORED):
    """The bytes of a zip archive of (name, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression, compresslevel=1) as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


def structured(structure, *members):
    text = json.dumps(structure).encode()
    return archive(("structure.npy", npy((len(text),), "|u1", text)), *members)


def lying_about_its_size():
    """A member that unpacks to 64 MB and says 80 bytes, in both places where a zip archive says so."""
    content = archive(("x.npy", npy((1 << 24,), "<f4", bytes(1 << 26))), compression=zipfile.ZIP_DEFLATED)
    real = len(npy((1 << 24,), "<f4", bytes(1 << 26)))
    return content.replace(struct.pack("<L", real), struct.pack("<L", 80 + 128))


def overlapping():
    """4,000 directory entries, all for the same 100 kB of zeros: 400 MB from a file of 300 kB."""
    content = archive(("x0000.npy", npy((25_000,), "<f4", bytes(100_000))), compression=zipfile.ZIP_DEFLATED)
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[start:end]
    entries = b"".join(entry.replace(b"x0000.npy", b"x%04d.npy" % i) for i in range(4000))
    return content[:start] + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 4000, 4000, len(entries), start, 0)


HOSTILE = {
    "a shape of terabytes": lambda: archive(("x.npy", npy((1 << 40,)))),
    "a shape that overflows": lambda: archive(("x.npy", npy((1 << 62, 1 << 62)))),
    "a shape of nothing by something huge": lambda: archive(("x.npy", npy((0, 1 << 62, 1 << 62), data=b""))),
    "a negative length": lambda: archive(("x.npy", npy((-2, -1)))),
    "a shape that is no tuple": lambda: archive(("x.npy", npy("2"))),
    "less data than it says": lambda: archive(("x.npy", npy((3,)))),
    "more data than it says": lambda: archive(("x.npy", npy((1,)))),
    "320 MB of zeros in 1.4 MB": lambda: archive(
        *[(f"x{i}.npy", npy((1 << 22,), data=bytes(1 << 24))) for i in range(20)], compression=zipfile.ZIP_DEFLATED
    ),
    "a size that is a lie": lying_about_its_size,
    "entries that overlap": overlapping,
    "a header of megabytes": lambda: archive(
        ("x.npy", b"\x93NUMPY\x02\x00" + struct.pack("<L", 8 << 20) + b" " * (8 << 20))
    ),
    "a header that is code": lambda: archive(("x.npy", npy("__import__('os').getcwd()"))),
    "objects": lambda: archive(("x.npy", npy((1,), "|O", b"cos\nsystem\n(S'exit 1'\ntR."))),
    "a dtype of fields": lambda: archive(("x.npy", npy((1,), [("a", "<f4"), ("b", "<f4")]))),
    "text": lambda: archive(("x.npy", npy((1,), "<U2"))),
    "dates": lambda: archive(("x.npy", npy((1,), "<M8[s]"))),
    "complex numbers": lambda: archive(("x.npy", npy((1,), "<c8"))),
    "an unknown version": lambda: archive(("x.npy", npy().replace(b"NUMPY\x01", b"NUMPY\x09"))),
    "another compression": lambda: archive(("x.npy", npy()), compression=zipfile.ZIP_LZMA),
    "a path upwards": lambda: archive(("../x.npy", npy())),
    "an absolute path": lambda: archive(("/tmp/x.npy", npy())),
    "a drive": lambda: archive(("C:x.npy", npy())),
    "a folder": lambda: archive(("a/x.npy", npy())),
    "a hidden name": lambda: archive((".x.npy", npy())),
    "another suffix": lambda: archive(("x.py", b"raise SystemExit")),
    "one name twice": lambda: archive(("xa.npy", npy()), ("xb.npy", npy())).replace(b"xb.npy", b"xa.npy"),
    "an unmentioned member": lambda: structured({"dict": []}, ("x.npy", npy())),
    "a member that is not there": lambda: structured({"array": "x"}),
    "a member used twice": lambda: structured([{"array": "x"}, {"array": "x"}], ("x.npy", npy())),
    "a structure that is not JSON": lambda: archive(("structure.npy", npy((1,), "|u1", b"{"))),
    "a structure of floats": lambda: archive(("structure.npy", npy())),
    "a structure too deep": lambda: archive(("structure.npy", npy((200_000,), "|u1", b"[" * 100_000 + b"]" * 100_000))),
    "a number of a million digits": lambda: archive(("structure.npy", npy((1_000_000,), "|u1", b"9" * 1_000_000))),
    "an unknown kind of thing": lambda: structured({"object": "os.system"}),
    "a thing and more": lambda: structured({"array": "x", "call": "y"}, ("x.npy", npy())),
    "a gradient for integers": lambda: structured({"tensor": "x", "requires_grad": True}, ("x.npy", npy((2,), "<i4"))),
    "a key that is no key": lambda: structured({"dict": [[[], 1]]}),
    "a dictionary of triples": lambda: structured({"dict": [["a", 1, 2]]}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_before_memory_is_spent(name, tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(ValueError, match=re.escape(f"load: {str(path)!r} is damaged or no checkpoint: ")):
            mg.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 10
    assert peak < 20e6  # of 320 MB, or of terabytes
    assert [p.name for p in tmp_path.rglob("*")] == ["checkpoint.npz"]


def test_an_archive_with_a_bad_checksum_is_refused(tmp_path):
    mg.save({"x": np.arange(6.0)}, tmp_path / "a.npz")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(np.float64(5).tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        mg.load(tmp_path / "a.npz")


def test_what_unpacks_to_much_is_loaded_when_it_is_asked_for(tmp_path):
    path = tmp_path / "zeros.npz"
    path.write_bytes(archive(("x.npy", npy((1 << 20,), data=bytes(1 << 22))), compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match="max_bytes=1000"):
        mg.load(path, max_bytes=1000)
    assert mg.load(path)["x"].shape == (1 << 20,)


def test_memory_running_out_is_not_called_damage(tmp_path, monkeypatch):
    mg.save([np.ones(3)], tmp_path / "a.npz")

    def full(*args):
        raise MemoryError("of 24 bytes")

    monkeypatch.setattr(np, "frombuffer", full)
    with pytest.raises(MemoryError):
        mg.load(tmp_path / "a.npz")


# ---------------------------------------------------------------------------------------------------- names

NAMES = [
    '"><script>alert(1)</script>',
    "</script><script>alert(1)</script>",
    "<!--",
    "]]><svg onload=alert(1)>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "'; alert(1); '",
    "%%SVG%%",
    '"]; evil [label="x',
    "back\\slash\\",
    "line\nbreak",
    "\x00\x1b[31m\x7f",
    "\u202egnp.exe",
    "\ud800",
    "x" * 10_000,
]


class Elements(html.parser.HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.seen, self.attributes, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def elements(page):
    parser = Elements()
    parser.feed(page)
    parser.close()
    return parser


class Named(nn.Module):
    """A module whose class, submodule and input have a stranger's name."""

    def __init__(self, name):
        super().__init__()
        self.layers = nn.ModuleDict({name.replace(".", "") or "x": nn.Linear(2, 2)})

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x


def drawn(name):
    module = Named(name)
    x = mg.ones(1, 2, requires_grad=True)
    y = (module(x) * 2).sum()
    return [
        mg.graph(module, mg.ones(1, 2), gradients=True, title=name, layout="builtin"),
        mg.graph(y, names={name: x}, title=name, layout="builtin"),
    ]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_stays_text_in_svg_html_and_dot(name):
    for graph, plain in zip(drawn(name), drawn("plain"), strict=True):
        root = ElementTree.fromstring(graph.svg().encode())  # well-formed XML, in UTF-8
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "foreignObject", "image", "a", "iframe"}
        attributes = {attribute for element in root.iter() for attribute in element.attrib}
        assert not {a for a in attributes if a.lower().startswith("on") or "href" in a.lower()}
        page, usual = elements(graph.html()), elements(plain.html())
        assert page.seen.count("script") == usual.seen.count("script")
        assert set(page.seen) == set(usual.seen)
        assert set(page.attributes) <= set(usual.attributes) | {"class", "fill", "font-style"}
        source = graph.dot.source
        source.encode()
        assert not re.search(r'^\s*(?:"?\]; )?evil \[', source, re.M)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_stays_text_in_a_notebook(name):
    module = Named(name)
    for thing in (module, nn.summary(module, (1, 2)), mg.ones(2)):
        page = thing._repr_html_()
        page.encode()
        assert not {"script", "img", "svg"} & set(elements(page).seen)


def test_names_in_the_records_stay_text_in_the_page_of_the_study(tmp_path):
    hostile = "".join(NAMES[:8])
    records = sample()
    for record in records:
        if record["kind"] == "study":
            record["profile"] = hostile
        for field in ("arm", "formula"):
            if field in record and record["kind"] in ("maps", "tune"):
                record[field] = hostile
    usual = elements(report.write(Results(sample()), tmp_path / "usual.html").read_text(encoding="utf-8"))
    found = elements(report.write(Results(records), tmp_path / "page.html").read_text(encoding="utf-8"))
    assert hostile in found.text
    assert found.seen.count("script") == usual.seen.count("script")
    assert set(found.seen) <= set(usual.seen)
    assert set(found.attributes) <= set(usual.attributes)
