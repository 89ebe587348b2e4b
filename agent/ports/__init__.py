"""What the control loops ask of the outside world, in the domain's own terms."""

from agent.ports.clock import Clock
from agent.ports.engine import STREAM, Engine, EngineEvent, EngineInfo, EventStream, StreamNote
from agent.ports.gate import Birth, Gate, GateMessage, GateState, Processes, Ruling, Settled
from agent.ports.glass import BreakGlassStore, TokenVerifier
from agent.ports.lists import AllowlistSource, ListRepository, TrustedList
from agent.ports.lockdown import FileWatch, Layer
from agent.ports.records import (
    Bookmark,
    EvidenceStore,
    FindingSink,
    Outlet,
    SinkState,
    Transport,
)

__all__ = [
    "STREAM",
    "AllowlistSource",
    "Birth",
    "Bookmark",
    "BreakGlassStore",
    "Clock",
    "Engine",
    "EngineEvent",
    "EngineInfo",
    "EventStream",
    "EvidenceStore",
    "FileWatch",
    "FindingSink",
    "Gate",
    "GateMessage",
    "GateState",
    "Layer",
    "ListRepository",
    "Outlet",
    "Processes",
    "Ruling",
    "Settled",
    "SinkState",
    "StreamNote",
    "TokenVerifier",
    "Transport",
    "TrustedList",
]
