"""Checks whether everything that the agent needs is there, and says how to correct what is not.

Reads only; needs no running agent, but believes one that runs.
"""

from agent.doctor.examination import Host, examine
from agent.doctor.result import Result, State

__all__ = ["Host", "Result", "State", "examine"]
