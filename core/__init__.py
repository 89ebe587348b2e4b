"""What agent, collector and registrar share: plain values and rules.

No I/O but in `core.durable`, `core.network` and `core.terminal`.
"""

__version__ = "0.1.0"
