"""A Slurm of one node on loopback: munged, slurmctld and slurmd as children of the tests.

Without systemd, cgroups, accounting or an /etc/slurm; everything lies in one folder.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CGROUPS_CAN_BE_OFF = (24, 5)  # the first version whose cgroup.conf(5) has CgroupPlugin=disabled
DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "scontrol", "squeue", "scancel", "sinfo")

# cred_expire is also how long a requeued task is kept back, KillWait how long it has to end.
CONFIG = """
ClusterName=parrot
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MaxArraySize=4
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
KillWait=10
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def missing_programs() -> list[str]:
    """What of Slurm and munge is not installed."""
    return [name for name in (*DAEMONS, *COMMANDS) if find_program(name) is None]


def find_program(name: str) -> str | None:
    """Where a program lies; daemons are not on everybody's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


def version_of_slurm() -> tuple[int, ...]:
    """Year and month, as in `slurm 24.11.5`."""
    said = ask(dict(os.environ), str(find_program("slurmd")), "-V")
    return tuple(int(part) for part in said.split()[-1].split(".")[:2])


@contextmanager
def run_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands speak with the cluster; NotUp where it does not
    come up on this machine.
    """
    host = socket.gethostname().partition(".")[0]
    user = pwd.getpwuid(os.geteuid()).pw_name
    config = CONFIG.format(host=host, user=user, folder=folder, ports=free_ports(2))
    (folder / "slurm.conf").write_text(config)
    if version_of_slurm() >= CGROUPS_CAN_BE_OFF:
        (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(128))
    munge = ["--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}",
             f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munged.seed",
             f"--log-file={folder}/munged.log"]  # fmt: skip
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    with ExitStack() as stack:
        stack.enter_context(daemon(folder, "munged", munge, environment))
        wait_until((folder / "munge.socket").exists, folder)
        stack.enter_context(daemon(folder, "slurmctld", ["-D", "-i"], environment))
        stack.enter_context(daemon(folder, "slurmd", ["-D"], environment))
        wait_until(lambda: "idle" in ask(environment, "sinfo", "-h", "-o", "%T"), folder)
        yield environment
        ask(environment, "scancel", f"--user={user}")
        wait_until(lambda: not ask(environment, "squeue", "-h"), folder)


@contextmanager
def daemon(
    folder: Path, name: str, arguments: list[str], environment: dict[str, str]
) -> Iterator[None]:
    """A daemon while the block runs; what it says is in NAME.out."""
    program = find_program(name)
    assert program is not None
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(
            [program, *arguments], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(environment: dict[str, str], *words: str) -> str:
    """What one of Slurm's commands prints."""
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout


class NotUp(Exception):
    """What the daemons said instead of coming up."""


def wait_until(condition: Callable[[], bool], folder: Path, limit_s: float = 20.0) -> None:
    """Wait for the cluster; NotUp where that is in vain."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            said = [path.read_text(errors="replace")[-1000:] for path in folder.glob("*.out")]
            raise NotUp("\n".join(said))
        time.sleep(0.1)
