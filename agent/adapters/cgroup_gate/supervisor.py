"""The gate, seen from the agent: keeps a gate process standing and passes messages on.

What the gate does is in agent/helpers/gate. One thread listens; the methods only queue lines.
"""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.adapters.cgroup_gate.gate_link import GateLink
from agent.adapters.cgroup_gate.gate_settings import GateSettings, order_words
from agent.adapters.cgroup_gate.pending_commands import PendingCommands
from agent.helpers.gate.container_names import EngineFiles
from agent.helpers.gate.hierarchy import freezer
from agent.helpers.gate.mounts import below, locate
from agent.helpers.gate.recovery import recover
from agent.ports import GateDecision, GateMessage, GateOrders, GateState

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # s, between attempts to start a gate
_LONG_LIFE = 5.0  # s; a gate that lived this long is replaced at once
_JOIN = 14.0  # s; more than a gate may take to end


class CgroupGate:
    """`ports.Gate`: the cgroup gate in its own process, watched and replaced when it dies.

    `roots` are cgroups relative to the hierarchy's mount ("/" is all). `freeze` False only
    watches. Each hold lasts `hold_seconds` at most, then `on_timeout` (THAW or KILL) decides;
    the same goes for all holds as soon as the agent dies or is silent for so long.
    `engine_root` is the engine's data directory ("" when unknown: then every well-named cgroup
    counts). `cgroup_version` is "1", "2" or "" (look it up), `build_steps` is deny, report or
    allow, `mount` the hierarchy's mount point if it must not be looked up.
    """

    def __init__(
        self,
        sink: Callable[[GateMessage], None],
        *,
        roots: Sequence[str],
        freeze: bool,
        hold_seconds: float,
        on_timeout: GateDecision,
        engine_root: str,
        cgroup_version: str,
        build_steps: str,
        mount: str = "",
    ) -> None:
        self._sink = sink
        self._settings = GateSettings(
            roots=tuple(roots),
            orders=GateOrders(freeze, hold_seconds, on_timeout, build_steps),
            engine_root=engine_root,
            cgroup_version=cgroup_version,
            mount=mount,
        )
        self._lock = threading.Lock()
        self._pending = PendingCommands()
        self._link: GateLink | None = None
        self._state: GateState | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)

    def start(self) -> None:
        """Start the gate's process; whether it works comes as `GateState`."""
        self._thread.start()

    def admit(self, container_id: str) -> None:
        """Do not hold it when it starts; thaw it if it is held now."""
        with self._lock:
            self._pending.admit(container_id)
            self._say(f"admit {container_id}")

    def refuse(self, container_id: str) -> None:
        """Kill it as its cgroup appears, or now if it is held."""
        with self._lock:
            self._pending.refuse(container_id)
            self._say(f"refuse {container_id}")

    def rule(self, container_id: str, decision: GateDecision) -> None:
        """Answer a held container; kept until done, even if the gate's process dies meanwhile."""
        with self._lock:
            self._pending.rule(container_id, decision)
            self._say(f"rule {container_id} {decision}")

    def forget(self, container_id: str | None = None) -> None:
        """Drop what was said of one container, or of all."""
        with self._lock:
            self._pending.forget(container_id)
            self._say(f"forget {container_id or '*'}")

    def configure(self, orders: GateOrders) -> None:
        """Work by these from now on, also a gate that takes this one's place."""
        with self._lock:
            self._settings = replace(self._settings, orders=orders)
            self._say(f"set {' '.join(order_words(orders))}")

    def cgroup(self, container_id: str) -> str | None:
        """The directory of a container's cgroup, if it is known."""
        return self._pending.paths.get(container_id)

    def close(self) -> None:
        """Let the gate settle what is held and end; waits for that, some seconds at most."""
        with self._lock:
            self._closing.set()
            if self._link is not None:
                self._link.hang_up()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN)

    @property
    def pid(self) -> int | None:
        """The gate's process, while there is one."""
        link = self._link
        return None if link is None else link.pid

    def _say(self, line: str) -> None:
        if self._link is not None:
            self._link.say(line)

    def _run(self) -> None:
        """The thread: one gate after the other until `close`."""
        # Inherited by the gate, see GateLink.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
        pause = 0.0
        while not self._closing.wait(pause):
            begun = time.monotonic()
            try:
                stood = self._serve()
            except OSError as error:
                stood = False
                self._tell(GateState(False, f"the gate's process cannot be started: {error}"))
            if not stood and not self._closing.is_set():
                self._recover()
            long_lived = time.monotonic() - begun > _LONG_LIFE
            pause = 0.0 if long_lived else min(max(pause * 2, _SHORTEST_PAUSE), _LONGEST_PAUSE)

    def _serve(self) -> bool:
        """One gate process from start to end; whether it worked at any time."""
        link = GateLink(self._settings.arguments())
        with self._lock:
            link.say(f"set {' '.join(order_words(self._settings.orders))}")  # may be new by now
            for line in self._pending.new_gate():
                link.say(line)
            link.say("go")
            self._link = link
            if self._closing.is_set():
                link.hang_up()
        stood = failed = False
        try:
            for line in link.lines():
                verb, _, rest = line.partition(" ")
                failed |= verb == "failed"
                if verb == "state" and not stood:
                    stood = True
                    with self._lock:
                        lost = self._pending.gate_stands()
                    for hold_ended in lost:
                        self._sink(hold_ended)
                self._hear(verb, rest)
        finally:
            with self._lock:
                self._link = None
            end = link.end()
        if not failed and not self._closing.is_set():
            self._tell(GateState(False, f"the gate's process {end}; starting another"))
        return stood

    def _hear(self, verb: str, rest: str) -> None:
        match verb:
            case "created":
                with self._lock:
                    created, decision = self._pending.cgroup_created(rest.split(" ", 4))
                    if decision is not None:
                        self._say(f"rule {created.container_id} {decision}")
                self._sink(created)
            case "hold_ended":
                with self._lock:
                    hold_ended = self._pending.hold_ended(rest.split(" "))
                self._sink(hold_ended)
            case "gone":
                with self._lock:
                    self._pending.gone(rest.split(" ", 1))
            case "state":
                working, _, reason = rest.partition(" ")
                self._tell(GateState(working == "1", reason))
            case "failed":
                self._tell(GateState(False, rest))
            case "lost":
                self._tell(
                    GateState(False, "the agent was stalled: new cgroups may have been missed")
                )
                self._tell(GateState(True))

    def _tell(self, state: GateState) -> None:
        if state != self._state:
            self._state = state
            self._sink(state)

    def _recover(self) -> None:
        """No gate works: settle at once whatever a former one left frozen."""
        settings = self._settings
        try:
            version, mount = locate(settings.cgroup_version, settings.mount)
        except LookupError:
            return  # without a hierarchy nothing is frozen; the gate has said so
        with self._lock:
            decisions = self._pending.decisions
        recover(
            freezer(version),
            EngineFiles(settings.engine_root),
            below(mount, settings.roots),
            answer=settings.orders.on_timeout,
            decisions=decisions,
            say=lambda line: self._hear(*line.partition(" ")[::2]),
        )
