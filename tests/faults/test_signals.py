"""However a run ends, its workers end with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

SCRIPT = """
    import os, sys, time
    from pathlib import Path

    import typer

    from leukobench.cli.run import interruptible
    from leukobench.running.pool import LocalPool

    def busy(path):
        Path(path).write_text(str(os.getpid()))
        end = time.monotonic() + 300
        while time.monotonic() < end:  # a computation, not a wait that a signal would end
            pass

    if __name__ == "__main__":
        try:
            with interruptible("here"), LocalPool(2) as pool:
                for future in [pool.submit(busy, path) for path in sys.argv[1:]]:
                    future.result()
        except typer.Exit as end:
            sys.exit(end.exit_code)
"""


@pytest.fixture
def started(tmp_path):
    """Function that starts two busy workers; gives the parent and the workers' process ids."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    parents = []

    def start(before=None):
        files = [tmp_path / name for name in ("first", "second")]
        command = [sys.executable, script, *files]
        parents.append(subprocess.Popen(command, preexec_fn=before, stdout=subprocess.PIPE, text=True))
        assert wait_until(lambda: all(file.exists() and file.read_text() for file in files), 60)
        return parents[-1], [int(file.read_text()) for file in files]

    yield start
    for parent in parents:
        parent.kill()
        parent.communicate()


def wait_until(holds, seconds):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def hears_signals():
    """What a shell starts in the background ignores Ctrl-C, and what nohup starts a hang-up; children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_parent_and_workers(started, number):
    parent, workers = started(hears_signals)
    os.kill(parent.pid, number)
    said, _ = parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert "nothing that was finished is lost" in said
    assert not any(map(runs, workers))


def test_workers_do_not_outlive_a_parent_that_is_killed(started):
    parent, workers = started()
    assert all(map(runs, workers))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: not any(map(runs, workers)), 15)


def test_a_run_that_was_told_to_ignore_its_terminal_goes_on(started):
    parent, workers = started(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # as nohup does
    os.kill(parent.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert parent.poll() is None
    assert all(map(runs, workers))


EARLY = """
    import os, signal, sys, threading, time
    from pathlib import Path

    from leukobench.running import pool

    def interrupt(path):
        while not path.exists() or not path.read_text():
            time.sleep(0.01)
        os.kill({"parent": os.getpid(), "child": int(path.read_text())}[sys.argv[1]], signal.SIGINT)

    pool.FOR_IMAGES = "slow"
    if __name__ == "__main__":
        threading.Thread(target=interrupt, args=[Path("pid")], daemon=True).start()
        try:
            with pool.LocalPool(1) as workers:
                print(workers.submit(len, "abc").result(20))
        except KeyboardInterrupt:
            print("stopped")
"""


@pytest.mark.parametrize(("who", "said"), [("child", "3\n"), ("parent", "stopped\n")])
def test_ctrl_c_while_workers_get_ready_is_heard_by_the_parent_alone(tmp_path, who, said):
    (tmp_path / "slow.py").write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(0.3)\n")
    (tmp_path / "script.py").write_text(textwrap.dedent(EARLY))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    told = {"capture_output": True, "text": True, "timeout": 60, "env": environment, "cwd": tmp_path}
    ended = subprocess.run([sys.executable, "script.py", who], preexec_fn=hears_signals, **told)
    assert (ended.stdout, ended.stderr) == (said, "")
