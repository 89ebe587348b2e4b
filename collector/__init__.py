"""dockwarden-collector: receives the fleet's reports and shows them."""
