"""The sync helper: a short-lived process that fetches, verifies and indexes the signed list.

It imports TUF and cryptography, which the daemon must not carry; of the house it knows the domain,
`durable` and `errors` only.
"""
