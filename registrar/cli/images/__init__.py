"""Commands about images: approve, revoke, deny, waive, seed, simulate."""
