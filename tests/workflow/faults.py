"""What can go wrong in a run, and processes of their own to suffer it.

Each fault is called in the forked process before the command line runs there.
"""

import ctypes
import errno
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

from neurodecode.cli import main

FORKS = multiprocessing.get_context("forkserver")
# What the stages import, so that no process does it again.
FORKS.set_forkserver_preload(
    ["pytest", "rich.console", "neurodecode.report.stage", "neurodecode.report.terminal",
     "neurodecode.preprocess.as_given", "neurodecode.studies.arrays",
     "neurodecode.reconstruct.baselines", "neurodecode.embed.ridge", "neurodecode.targets.pixels",
     "neurodecode.evaluate.stage", "neurodecode.targets.stage", "neurodecode.preprocess.stage",
     "neurodecode.reconstruct.stage", "pandas.io.formats.csvs", "neurodecode.embed.encode_stage",
     "neurodecode.embed.lda", "neurodecode.embed.searchlight", "neurodecode.deconfound.residualize",
     "neurodecode.online.demo", "neurodecode.online.kalman", "neurodecode.online.kinematics",
     "neurodecode.online.stage", "neurodecode.online.whitening", "neurodecode.online.wiener",
     "matplotlib.pyplot", "nilearn.plotting", "plotly.graph_objects"]
)  # fmt: skip


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def press_ctrl_c(_):
    os.kill(os.getpid(), signal.SIGINT)


def fill_disk(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def at_rename(ending, act):
    """Act before the rename to a path that ends so."""
    rename = os.replace

    def replace(source, target):
        if str(target).endswith(ending):
            act(target)
        rename(source, target)

    os.replace = replace


def at_next_rename(struck, act):
    """Act before the first rename to a path that is not yet in the list ``struck``."""
    rename, done = os.replace, struck.read_text().splitlines()

    def replace(source, target):
        if str(target) not in done:
            with struck.open("a") as stream:
                stream.write(f"{target}\n")
            act(target)
        rename(source, target)

    os.replace = replace


def limit_size(bytes_, *, kill=False):
    """Let the kernel stop in the middle of the first larger file, by an error or by a signal."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)


def obey_permissions():
    """Give up root's right to write where it is forbidden; others never had it."""
    libc, header, sets = (
        ctypes.CDLL(None),
        (ctypes.c_uint32 * 2)(0x20080522),
        (ctypes.c_uint32 * 6)(),
    )
    assert libc.capget(header, sets) == 0
    sets[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0


def run_here(arguments, folder, fault):
    """Body of the forked process: run the command line with its output in files."""
    os.chdir(folder)
    # A shell that starts this run in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (1, 2):
        file = os.open(f"{folder}.out{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
    if fault:
        fault()
    sys.exit(main(arguments))


def fork(body, *arguments) -> int:
    """Run a function in a process of its own; returns its exit code, negative for a signal."""
    process = FORKS.Process(target=body, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def attempt(arguments, folder, fault=None) -> tuple[int, str]:
    """Run the command line; returns its exit code and its messages."""
    code = fork(run_here, arguments, folder, fault)
    return code, Path(f"{folder}.out2").read_text()
