"""Containers: tracked, evaluated, allowed or stopped; the gate's questions answered."""
