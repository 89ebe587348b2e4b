"""Files the agent keeps, changes and gives back; bytes and paths only, not what they mean."""
