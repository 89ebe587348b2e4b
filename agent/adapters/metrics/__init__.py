"""Where Prometheus finds the agent's metrics: a textfile, and loopback HTTP where wanted."""
