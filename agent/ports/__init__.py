"""What the control loops ask of the outside world, in the domain's own terms."""

from agent.ports.break_glass_ports import BreakGlassStore, TokenVerifier
from agent.ports.clock import Clock
from agent.ports.engine_port import STREAM, Engine, EngineEvent, EngineInfo, EventStream, StreamNote
from agent.ports.finding_ports import (
    Bookmark,
    EvidenceStore,
    Exporter,
    ExportTransport,
    FindingSink,
    SinkState,
)
from agent.ports.gate import (
    CgroupCreated,
    Gate,
    GateDecision,
    GateMessage,
    GateOrders,
    GateState,
    HoldEnded,
    Processes,
)
from agent.ports.list_ports import AllowlistSource, ListRepository, TrustedList
from agent.ports.lockdown_ports import FileWatch, Layer

__all__ = [
    "STREAM",
    "AllowlistSource",
    "Bookmark",
    "BreakGlassStore",
    "CgroupCreated",
    "Clock",
    "Engine",
    "EngineEvent",
    "EngineInfo",
    "EventStream",
    "EvidenceStore",
    "ExportTransport",
    "Exporter",
    "FileWatch",
    "FindingSink",
    "Gate",
    "GateDecision",
    "GateMessage",
    "GateOrders",
    "GateState",
    "HoldEnded",
    "Layer",
    "ListRepository",
    "Processes",
    "SinkState",
    "StreamNote",
    "TokenVerifier",
    "TrustedList",
]
