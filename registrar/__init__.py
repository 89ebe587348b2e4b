"""dockwarden-registrar: what registry administrators approve, deny, sign and publish with."""
