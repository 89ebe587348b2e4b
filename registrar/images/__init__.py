"""Images as registry administrators approve them: resolved to all their digests, then evaluated."""
