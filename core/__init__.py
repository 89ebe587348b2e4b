"""What agent, collector and registrar share: plain values and rules; no I/O but `core.durable`."""

__version__ = "0.1.0"
