"""Commands about this host: preconditions, self-test, lockdown, spool, enrolment."""
