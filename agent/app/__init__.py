"""Where the agent's parts are built and put together: threads, queue, signals, systemd."""
