"""Run a command and collect its orphans, as a host's init would; a script of its own.

Where the machine's init collects none, a dead containerd stays a zombie, and dockerd, which looks
for its pid only, waits for it in vain. Usage: ``reaper.py DESCRIPTOR COMMAND...``; it writes the
command's pid to the descriptor. It ends when the command and all it left behind have ended.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36


def main(descriptor: int, command: list[str]) -> None:
    """Start the command, say its pid, then wait until no child is left."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(descriptor, False)
    child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, f"{child}\n".encode())
    os.close(descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == child:  # its log says how, which it cannot say itself of a signal
                code = os.waitstatus_to_exitcode(status)
                sys.stderr.write(f"{command[0]} ended with {code}\n")
                sys.stderr.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
