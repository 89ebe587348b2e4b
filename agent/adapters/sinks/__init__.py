"""The ways to receivers beside the host: OTLP, syslog over TLS, webhook, OCSF; imported only
where one is configured."""
