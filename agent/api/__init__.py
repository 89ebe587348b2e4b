"""What the command line asks of the running agent."""
