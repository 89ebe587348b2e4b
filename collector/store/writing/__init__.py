"""How reports get into the store: grouped, chained, summed."""
