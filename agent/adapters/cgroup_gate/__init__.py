"""`ports.Gate`: the cgroup gate in its own process (agent/helpers/gate), watched and replaced."""

from agent.adapters.cgroup_gate.supervisor import CgroupGate

__all__ = ["CgroupGate"]
