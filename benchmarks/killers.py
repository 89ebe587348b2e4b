"""What one would use without dockwarden: programs that kill every container at its start event.

`python -m benchmarks.killers docker-py SOCKET` is the plain script that documentation leads to.
`python -m benchmarks.killers raw SOCKET CGROUPS v1|v2` is the limit of anything that waits for the
start event: it reads the socket itself, knows the cgroup by the event's ID and asks nobody. Both
say "ready" once they listen. Neither evaluates: on a host with them every container is unapproved.
"""

import contextlib
import os
import re
import signal
import socket
import sys

_ACTOR = re.compile(rb'"Actor":\{"ID":"([0-9a-f]{64})"')
# {"type":["container"],"event":["start"]}
_FILTER = "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%5D%7D"


def docker_py(path: str) -> None:
    """Inspect, then kill by the engine's API."""
    import docker

    client = docker.DockerClient(f"unix://{path}", version="auto", timeout=60)
    events = client.events(decode=True, filters={"type": "container", "event": "start"})
    print("ready", flush=True)
    for event in events:
        with contextlib.suppress(docker.errors.APIError):  # it has ended by itself
            container = client.containers.get(event["Actor"]["ID"])
            if container.image is not None:
                container.kill()


def raw(path: str, cgroups: str, version: str) -> None:
    """SIGKILL through the cgroup as soon as the event can be read."""
    kill = _kill_v2 if version == "v2" else _kill_v1
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.sendall(f"GET /events?filters={_FILTER} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
    print("ready", flush=True)
    left = b""
    while data := connection.recv(65536):
        left += data
        end = 0
        for match in _ACTOR.finditer(left):
            with contextlib.suppress(OSError):  # it has ended by itself
                kill(f"{cgroups}/{match[1].decode()}")
            end = match.end()
        left = left[end:]


def _kill_v1(cgroup: str) -> None:
    with open(f"{cgroup}/cgroup.procs") as file:
        for pid in file.read().split():
            os.kill(int(pid), signal.SIGKILL)


def _kill_v2(cgroup: str) -> None:
    with open(f"{cgroup}/cgroup.kill", "w") as file:
        file.write("1")


if __name__ == "__main__":
    if sys.argv[1] == "docker-py":
        docker_py(sys.argv[2])
    else:
        raw(*sys.argv[2:])
