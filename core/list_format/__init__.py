"""The signed list's payload: read, written, packed, compared with the next; pure."""
