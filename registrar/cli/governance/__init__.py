"""Commands about scopes, keys and policies."""
