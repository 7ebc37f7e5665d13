"""`python -m minigrad.torch script.py`: a script that says `import torch` runs as it is, and hears what is missing."""

import re
import subprocess
import sys
import textwrap

import pytest

from minigrad.torch.names import STANDS_FOR, find_target


@pytest.fixture
def run(tmp_path):
    """Runs the lines as a script with the arguments, and returns its exit status, output and errors."""

    def run_script(code, *arguments, options=(), name="script.py", cwd=None):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(code), encoding="utf-8")
        command = [sys.executable, "-m", "minigrad.torch", *options, str(tmp_path / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd or tmp_path)
        return done.returncode, done.stdout, done.stderr

    return run_script


@pytest.mark.parametrize("name", STANDS_FOR)
def test_what_stands_for_a_module_is_there(name):
    assert find_target(STANDS_FOR[name]) is not None


def test_a_script_runs_as_it_is(run):
    code = """
        import torch
        import torch.nn as nn
        import torch.nn.functional as F
        import torch.backends.cudnn as cudnn
        import torch.optim.lr_scheduler
        from torch import optim, Tensor
        from torch.nn import Linear, functional
        from torch.nn.parameter import Parameter
        from torch.utils.data import DataLoader, TensorDataset
        from torchvision import datasets, transforms
        import torchvision.utils as vutils

        cudnn.benchmark = True
        torch.manual_seed(0)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        x = torch.linspace(-1, 1, 64, device=device).unsqueeze(1)
        loader = DataLoader(TensorDataset(x, 3 * x + 1), batch_size=16, shuffle=True, num_workers=2)
        model = torch.compile(nn.Sequential(nn.Linear(1, 1)).to(device))
        optimizer = optim.SGD(model.parameters(), lr=0.2)
        scheduler = optim.lr_scheduler.StepLR(optimizer, 10)
        for epoch in range(20):
            for a, b in loader:
                optimizer.zero_grad()
                loss = F.mse_loss(model(a.to(device)), b.to(device))
                loss.backward()
                optimizer.step()
            scheduler.step()
        torch.save(model.state_dict(), "model.pt")
        model.load_state_dict(torch.load("model.pt"))
        print(loss.item() < 1e-4, isinstance(x, Tensor), torch.Size([2, 3]), torch.__version__.split("+")[0])
    """
    status, out, errors = run(code)
    assert (status, out, errors) == (0, "True True (2, 3) 2.13.0\n", "")


def test_a_script_finds_its_arguments_its_folder_and_itself_as_main(run, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "model.py").write_text("import torch\nanswer = int(torch.ones(6).sum()) * 7\n")
    code = """
        import os, sys
        import torch
        from model import answer
        assert sys.argv[1:] == ["--lr", "0.1"] and os.path.basename(sys.argv[0]) == "script.py", sys.argv
        assert os.path.samefile(sys.path[0], os.path.dirname(__file__)) and sys.modules["__main__"].answer == 42
        if __name__ == "__main__":
            print(answer)
            sys.exit(3)
    """
    assert run(code, "--lr", "0.1", name="inner/script.py") == (3, "42\n", "")


def test_a_pytorch_that_is_installed_is_not_imported(run, tmp_path):
    for name in ("torch", "torchvision"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the installed one was imported')")
    code = "import torch, torchvision\nfrom torchvision import transforms\nprint(torch.zeros(1).device)"
    assert run(code) == (0, "cpu\n", "")


MISSING = {
    "from torch.nn import Linear, LSTM": "ImportError: module 'torch.nn' has no attribute 'LSTM' .*; write the step",
    "import torch\ntorch.nn.LSTM(1, 2)": "AttributeError: module 'torch.nn' has no attribute 'LSTM' .*; write the step",
    "import torch.quasi": "ImportError: module 'torch' has no attribute 'quasi'",
    "from torchvision.models import resnet18": "ImportError: module 'torchvision' has no attribute 'models' .*; write",
    "from torch.utils.tensorboard import SummaryWriter": "'torch.utils' has no attribute 'tensorboard' .*; print",
    "import torch\nimport torch.nn.Linear": "ImportError: module 'torch.nn' has no attribute 'Linear' .*no module",
    "import torch\ntorch.ones(1).astype(int)": r"'Tensor' object has no attribute 'astype'; use x.to\(dtype\)",
    "import torch\ntorch.zeros(2).to('cuda')": "RuntimeError: to: there is one device, the CPU",
}


@pytest.mark.parametrize("code", MISSING)
def test_a_name_that_is_missing_is_told_with_its_line_and_what_to_use(run, code):
    status, out, errors = run(code)
    assert status == 1 and out == ""
    *_, message, place = errors.splitlines()
    assert place == f"In script.py, line {len(code.splitlines())}; it runs with minigrad in place of PyTorch."
    assert re.search(MISSING[code], message), message


def test_a_missing_name_can_be_asked_for_and_caught(run):
    code = """
        import torch
        try:
            from torch.nn import LSTM
        except ImportError:
            LSTM = None
        print(hasattr(torch, "quasi"), getattr(torch, "quasi", 3), LSTM)
    """
    assert run(code) == (0, "False 3 None\n", "")


def test_a_traceback_begins_in_the_script(run):
    status, _, errors = run("def f():\n    raise KeyError('mine')\n\n\nf()\n")
    first, second, *_, last = errors.splitlines()
    assert status == 1 and first.startswith("Traceback") and 'script.py", line 5' in second
    assert last == "In script.py, line 2; it runs with minigrad in place of PyTorch."


def test_a_report_runs_on_and_lists_all_that_would_stop_the_script(run):
    code = """\
        import torch
        import torch.fft
        from torchvision.models import resnet18
        class Net(torch.nn.LSTM):
            pass
        x = torch.ones(3)
        x.quasi_method(2)
        if False:
            torch.quasi(x)
        y = x.reshape(2)
        z = y * 2
        import missing_package
        print(torch.ones(2).sum().item())
    """
    status, out, errors = run(code, options=["--report"])
    first, headline, *lines = out.splitlines()
    assert status == 1 and errors == "" and first == "2.0"
    assert headline == f"minigrad.torch: {len(lines)} things would stop script.py"
    expected = [
        (2, "'torch' has no attribute 'fft'"), (3, "'torchvision' has no attribute 'models'"), (4, "'LSTM'"),
        (7, "'Tensor' object has no attribute 'quasi_method'"), (9, "'quasi' under minigrad (in the source)"),
        (10, "ValueError: reshape"), (12, "ModuleNotFoundError: No module named 'missing_package'"),
    ]  # fmt: skip
    assert len(lines) == len(expected), lines
    for line, (number, words) in zip(lines, expected, strict=True):
        assert line.startswith(f"  line {number}: ") and words in line


def test_a_report_on_a_script_that_runs_says_so(run):
    status, out, _ = run("import torch\nprint(torch.ones(1).item())\n", options=["--report"])
    assert (status, out) == (0, "1.0\nminigrad.torch: nothing would stop script.py\n")


def test_without_a_script_the_command_says_how_it_is_used(tmp_path):
    for arguments, status in (([], 2), (["--help"], 0), ([str(tmp_path / "none.py")], 1)):
        command = [sys.executable, "-m", "minigrad.torch", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == status
        assert "usage: python -m minigrad.torch" in done.stdout + done.stderr or "cannot read the script" in done.stderr


def test_a_script_can_come_from_the_standard_input():
    command = [sys.executable, "-m", "minigrad.torch", "-", "a"]
    code = "import sys, torch\nprint(torch.ones(2).sum().item(), __name__, sys.argv)"
    done = subprocess.run(command, input=code, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2.0 __main__ ['-', 'a']\n")


def test_an_error_of_syntax_shows_the_script_only(run):
    status, _, errors = run("import torch\ndef f(:\n")
    assert status == 1 and "SyntaxError" in errors and "run.py" not in errors
