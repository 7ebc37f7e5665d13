"""How much of the machine others use: before a round is timed, and while it is."""

import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
QUIET = 0.1  # processors that others may use in a round that counts as quiet
PATIENCE = 3.0  # seconds to wait for a quiet moment before a round


def busy_seconds():
    """Processor time that the whole machine has used since its start, and what its host has taken; None if unknown."""
    try:
        fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        return None
    user, nice, system, _, _, interrupts, soft, stolen = fields[:8]
    return (user + nice + system + interrupts + soft + stolen) / TICK


def own_seconds(processes):
    """Processor time that these processes have used."""
    total = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


class Watch:
    """The processors that all others than `processes` used since `begin`, on average."""

    def __init__(self, processes):
        self.processes = list(processes)
        self.begin()

    def begin(self):
        self.start, self.busy = time.perf_counter(), busy_seconds()
        self.own = None if self.busy is None else own_seconds(self.processes)

    def others(self):
        if self.busy is None:
            return float("nan")
        seconds = time.perf_counter() - self.start
        used = busy_seconds() - self.busy - (own_seconds(self.processes) - self.own)
        return max(0.0, used - 2 / TICK) / max(seconds, 1e-3)  # counters are a tick behind


def wait_for_quiet(processes):
    """Wait until others let the machine be, but not for long; returns the processors that they used at last."""
    end = time.perf_counter() + PATIENCE
    while True:
        watch = Watch(processes)
        time.sleep(0.15)
        others = watch.others()
        if not others > QUIET or time.perf_counter() > end:
            return others
