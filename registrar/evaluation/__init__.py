"""From evidence and a policy to a result with reasons; pure: it reads no clock and no network."""
