"""Private keys: made, sealed with a passphrase, opened, compared; no role and no rule."""
