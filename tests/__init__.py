"""Tests: domain (pure), control (fakes), contract (fake and real), lab (real engines)."""
