"""The collector's page: what people read and change; knows its ports, never the store behind."""
