"""The way out: the policy by itself, and every client against real servers and proxies."""
