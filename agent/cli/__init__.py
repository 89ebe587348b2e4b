"""The commands people type: parsing and printing, nothing else."""
