"""Where reports are kept: SQLite or PostgreSQL; knows neither HTTP nor HTML."""
